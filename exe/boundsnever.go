package exe

import (
	"strings"

	"github.com/wardein/wardein/exe/insn"
)

// never are the imported functions that do not come back.
var never = map[string]bool{
	"abort": true, "exit": true, "_exit": true, "_Exit": true, "quick_exit": true, "pthread_exit": true, "thrd_exit": true,
	"longjmp": true, "_longjmp": true, "siglongjmp": true, "__longjmp_chk": true,
	"__assert_fail": true, "__assert_perror_fail": true, "__assert": true, "__stack_chk_fail": true, "__stack_chk_fail_local": true, "__chk_fail": true, "__fortify_fail": true,
	"err": true, "errx": true, "verr": true, "verrx": true, "__libc_start_main": true, "__uClibc_main": true,
	"__cxa_throw": true, "__cxa_rethrow": true, "__cxa_bad_cast": true, "__cxa_bad_typeid": true, "__cxa_throw_bad_array_new_length": true,
	"__cxa_pure_virtual": true, "__cxa_end_cleanup": true, "__cxa_call_terminate": true, "__cxa_call_unexpected": true,
	"_Unwind_Resume": true, "_ZSt9terminatev": true, "_ZSt10unexpectedv": true,
}

// comesBack says whether a call of what is at an address goes on behind it.
func (b *finder) comesBack(to uint64) bool {
	if b.other != insn.None {
		to &^= 1
	}
	name := b.image.Import(to)
	return !never[name] && !(strings.HasPrefix(name, "_ZSt") && strings.Contains(name, "__throw_"))
}
