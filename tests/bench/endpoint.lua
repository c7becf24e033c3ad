-- SPDX-License-Identifier: MIT
-- For wrk: sends the records of a file one after another (endpoint.c writes them); a file of one record over and over.
local text, at = "", 1

function init(args)
  local file = assert(io.open(args[1], "rb"))
  text = file:read("*a")
  file:close()
end

local function take()
  local stop = string.find(text, "\n", at, true)
  if stop == nil then
    return nil
  end
  local from, length = stop + 1, tonumber(string.sub(text, at, stop - 1))
  at = from + length
  return string.sub(text, from, from + length - 1)
end

function request()
  local record = take()
  if record == nil then
    at = 1
    record = take() -- again: the server says so, where it matters
  end
  return record
end
