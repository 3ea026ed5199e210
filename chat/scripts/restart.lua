-- restart: drop the text of the reply being generated and begin the next attempt.
-- Returns 1, or 0 if the lease is lost.
local lease_id = ARGV[1]
local attempt = tonumber(ARGV[2]) -- the one that ends
local lease_duration = tonumber(ARGV[3]) -- microseconds

local state = read_state()
if not owns_lease(state, lease_id) then return 0 end

if state.generation.attempt == attempt then
  local path = '$.messages[' .. 2 * state.answered + 1 .. ']'
  set_json(path .. '.msg', 'Bot: ')
  set_json(path .. '.n', 0)
  set_json('$.generation.attempt', attempt + 1)
  publish(state, {
    type = 'start',
    id = state.generation.reply,
    reply_to = get_json(path .. '.reply_to'),
    attempt = attempt + 1,
  })
elseif state.generation.attempt ~= attempt + 1 then
  return 0 -- Redis came back from an older file
end
extend_lease(lease_duration)
return 1
