-- Drives Neovim as somebody would who types; what was shown and what became of the text go to the file $SEEN.
local seen = {}

local function wait(condition)
  local thread = coroutine.running()
  local timer = vim.loop.new_timer()
  timer:start(20, 20, vim.schedule_wrap(function()
    if coroutine.status(thread) == "suspended" and not timer:is_closing() and condition() then
      timer:close()
      coroutine.resume(thread)
    end
  end))
  coroutine.yield()
end

local function shows() return vim.fn.pumvisible() == 1 end

local function hides() return vim.fn.pumvisible() == 0 end

local function ready()
  for _, client in pairs(vim.lsp.buf_get_clients(0)) do
    return client.initialized
  end
end

local function shown()
  return vim.tbl_map(function(item) return item.word end, vim.fn.complete_info({ "items" }).items)
end

vim.o.completeopt = "menu,menuone" -- a single word is shown, too
coroutine.wrap(function()
  wait(ready)
  for _, keys in ipairs({ "A liv<C-x><C-o>", " <C-x><C-o>", " 😀 The c<C-x><C-o>" }) do
    vim.api.nvim_input(keys)
    wait(shows)
    table.insert(seen, { words = shown() })
    vim.api.nvim_input("<C-y>")
    wait(hides)
    seen[#seen].line = vim.api.nvim_get_current_line()
  end
  vim.fn.writefile({ vim.fn.json_encode(seen) }, vim.env.SEEN)
  vim.cmd("quitall!")
end)()
