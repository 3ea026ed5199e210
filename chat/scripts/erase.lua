-- Erase the session and all that stands in line for it. Returns 1, or 0 if there is none.
local state = read()
if not state then return 0 end
local length = redis.call('JSON.ARRLEN', SESSION, '$.messages')[1]
for index = 2 * state.answered, length - 1 do
  redis.call('ZREM', UNBEGUN, line_member(message(index).id))
end
redis.call('ZREM', WAITING, SESSION)
redis.call('ZREM', HELD, SESSION)
publish(state, {type = 'erased'})
redis.call('DEL', SESSION)
return 1
