-- Drop the reply to the last human message, so that it is answered again.
-- ARGV: the message's id, this request's. Returns {outcome, position, ring}.
local state = read()
if not state then return {'gone', 0, 0} end
local last = redis.call('JSON.ARRLEN', SESSION, '$.messages')[1] - 1
if last < 0 then return {'unknown', 0, 0} end
local reply = message(last)
local human = reply
if reply.reply_to then human = message(last - 1) end
if human.id ~= ARGV[1] then return {'unknown', 0, 0} end
-- A request that is repeated late must not drop the reply that it has led to.
local repeated = get('$.retried') == ARGV[2]
if human == reply or reply.status == 'streaming' or repeated then
  return {'known', position(human.id), in_line()}
end
redis.call('JSON.ARRPOP', SESSION, '$.messages', -1)
set('$.answered', state.answered - 1)
set('$.retried', ARGV[2])
redis.call('PERSIST', SESSION)
redis.call('ZADD', UNBEGUN, digits(now()), line_member(human.id))
wait()
return {'accepted', position(human.id), 1}
