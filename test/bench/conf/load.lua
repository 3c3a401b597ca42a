-- The same request over and over: `-- METHOD BODY_BYTES CONNECTION`. Requests are made once, before the load starts.

function init(args)
  wrk.method = args[1] or "GET"
  local size = tonumber(args[2] or "0")
  if size > 0 then
    wrk.body = string.rep("x", size)
  end
  if args[3] == "close" then
    wrk.headers["Connection"] = "close"
  end
end

dofile("done.lua")
