-- One chain of refreshes per thread, each thread with exactly one connection: what an answer brings is
-- what the next request presents. The first tokens are the lines of the file REQUESTS, one per thread.

local first = {}

function setup(thread)
  if #first == 0 then
    for token in io.lines(os.getenv("REQUESTS")) do
      first[#first + 1] = token
    end
  end
  thread:set("token", table.remove(first))
end

local path = os.getenv("REFRESH_PATH")
local headers = { ["Content-Type"] = "application/json" }

function request()
  return wrk.format("POST", path, headers, '{"refresh":"' .. token .. '"}')
end

function response(status, _, body)
  local successor = body:match('"refresh"%s*:%s*"([^"]+)"')
  if status == 200 and successor and successor ~= token then
    token = successor
  else
    -- wrk counts refusals itself, but not a success that does not rotate.
    io.stderr:write("no successor: ", status, " ", body, "\n")
    os.exit(1)
  end
end
