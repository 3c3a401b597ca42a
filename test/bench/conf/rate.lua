-- A load below saturation: every connection waits a random time, MEAN milliseconds on average: `-- MEAN`.

local mean = 0

function init(args)
  mean = tonumber(args[1])
end

function delay()
  return math.floor(math.random() * 2 * mean + 0.5)
end

dofile("done.lua")
