-- Requests for COUNT hosts in turn: `-- COUNT`. Consecutive ones are far apart, so no part of a table stays warm.

-- A prime, so every host of 10 or 10,000 gets its turn.
local STEP = 7919
local requests = {}
local count = 0
local at = 0

function init(args)
  count = tonumber(args[1])
  for i = 0, count - 1 do
    wrk.headers["Host"] = "site-" .. i .. ".bench.test"
    requests[i] = wrk.format("GET")
  end
end

function request()
  at = (at + STEP) % count
  return requests[at]
end

dofile("done.lua")
