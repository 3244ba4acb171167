-- GET with the tokens of a file in turn (one per line, file name in TOKENS), also where nobody
-- looks at them, so that the load generator does the same work on both sides of a comparison.

dofile(os.getenv("BENCH_FOLDER") .. "/report.lua")

local requests, turn = {}, 0

function init(args)
  for token in io.lines(os.getenv("TOKENS")) do
    -- Built once: formatting in request() would cost more than the server's answer.
    requests[#requests + 1] = wrk.format("GET", nil, { Authorization = "Bearer " .. token })
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
