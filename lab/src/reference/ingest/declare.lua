-- KEYS are streams, ARGV the group of each. Makes the groups that are missing;
-- they begin at the first entry.
for i, stream in ipairs(KEYS) do
    redis.pcall('XGROUP', 'CREATE', stream, ARGV[i], '0', 'MKSTREAM')
end

local function pairs_of(flat)
    local map = {}
    for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end
    return map
end

local function entries_behind(stream, id)
    local count = 0
    while true do
        local page = redis.call('XRANGE', stream, '(' .. id, '+', 'COUNT', 1000)
        count = count + #page
        if #page < 1000 then return count end
        id = page[#page][1]
    end
end

-- Redis before 7.2.4 does not write to its append-only file how many entries a
-- group has read, so that its lag is wrong or unknown after a restart
-- (github.com/redis/redis/pull/12898). They are counted again here.
for i, stream in ipairs(KEYS) do
    local added = pairs_of(redis.call('XINFO', 'STREAM', stream))['entries-added']
    for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
        local group = pairs_of(info)
        if added and group['name'] == ARGV[i] then
            local last = group['last-delivered-id']
            local read = added - entries_behind(stream, last)
            redis.call('XGROUP', 'SETID', stream, ARGV[i], last, 'ENTRIESREAD', read)
        end
    end
end
return 1
