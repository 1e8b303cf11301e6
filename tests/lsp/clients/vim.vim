" Drives Vim as somebody would who types; what was shown and what became of the text go to the file $SEEN.
let s:seen = []
let s:texts = [' liv', ' ', ' 😀 The c']
let s:state = 'typing'
let s:waited = 0

func s:Step(timer) abort
  let s:waited += 1
  if s:state ==# 'typing'
    call feedkeys((mode() ==# 'n' ? 'A' : '') . s:texts[len(s:seen)] . "\<C-x>\<C-o>", 't')
    let s:state = 'asking'
  elseif s:state ==# 'asking' && pumvisible()
    call add(s:seen, {'words': map(complete_info(['items']).items, {_, item -> item.word})})
    call feedkeys("\<C-y>", 't')
    let s:state = 'taking'
  elseif s:state ==# 'taking' && !pumvisible()
    let s:seen[-1].line = getline('.')
    let s:state = 'typing'
  elseif s:waited > 40  " the server was not there yet
    call feedkeys("\<C-x>\<C-o>", 't')
  else
    return
  endif
  let s:waited = 0
  if s:state ==# 'typing' && len(s:seen) == len(s:texts)
    call writefile([json_encode(s:seen)], $SEEN)
    call feedkeys("\<Esc>:quitall!\<CR>", 't')
  endif
endfunc

call timer_start(50, function('s:Step'), {'repeat': -1})
