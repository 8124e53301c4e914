-- wrk -s requests.lua URL -- TOKENS START: sends one token after the other, from a file with one token on each line.

local requests, next_one = {}, 0

function init(arguments)
  for token in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", nil, { ["Authorization"] = "Bearer " .. token })
  end
  next_one = tonumber(arguments[2])
end

function request()
  next_one = next_one % #requests + 1
  return requests[next_one]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local report = '{"requests": %d, "microseconds": %d, "failed": %d, "p99_microseconds": %d}'
  print(string.format(report, summary.requests, summary.duration, failed, latency:percentile(99)))
end
