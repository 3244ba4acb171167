-- Before every script: one line of JSON at the end of a run, times in microseconds.

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'report {"requests":%d,"micros":%d,"refused":%d,"broken":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)
  ))
end
