-- Store a human message and put its session in line.
-- ARGV: the message as JSON. Returns {outcome, position, ring}.
local state = read()
if not state then return {'gone', 0, 0} end
local human = cjson.decode(ARGV[1])
if get('$.messages[?(@.id=="' .. human.id .. '")].id') then
  return {'known', position(human.id), in_line()}
end
redis.call('JSON.ARRAPPEND', SESSION, '$.messages', ARGV[1])
redis.call('PERSIST', SESSION)
redis.call('ZADD', UNBEGUN, digits(now()), line_member(human.id))
local ring = 0
if in_line() == 0 and not redis.call('ZSCORE', HELD, SESSION) then
  wait()
  ring = 1
end
publish(state, {type = 'message', message = human})
return {'accepted', position(human.id), ring}
