package insn_test

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein/exe/insn"
	"github.com/wardein/wardein/internal/testkit"
)

// TestFiles compares the files that the environment names, which are linked with
// --emit-relocs, as bench/unsafecall builds them:
// INSN_FILES=$(echo bench/work/unsafecall/build/*/{aarch64,arm,thumb2,mips*}-*/full).
func TestFiles(t *testing.T) {
	for _, file := range strings.Fields(os.Getenv("INSN_FILES")) {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) { check(t, file) })
	}
}

// check compares a file with what objdump and its relocations say.
func check(t *testing.T, file string) {
	p := load(t, file)
	switch p.f.Machine {
	case elf.EM_AARCH64:
		checkAArch64(t, p, file)
	case elf.EM_ARM:
		checkARM(t, p, file)
	case elf.EM_MIPS:
		checkMIPS(t, p, file)
	}
}

func checkAArch64(t *testing.T, p *program, file string) {
	lines := listing(t, testkit.Tool(t, "aarch64-linux-gnu-objdump"), file, "-M", "no-aliases")
	n := compareListing(t, p, lines, sameAArch64)
	relocations := p.relocations(t)
	refs, resolved, pages, open := 0, 0, 0, 0
	diff := differences{}
	var list []insn.Inst
	for _, fn := range p.functions {
		c := p.codeOf(fn)
		list = c.Decode(fn.code, fn.addr, list[:0])
		for _, in := range list {
			for _, r := range relocations[in.Addr] {
				switch r.kind {
				case 275: // ADR_PREL_PG_HI21
					if pages++; in.Word&0x60ffffe0 != 0 {
						open++
						diff.add(fn.name+" "+lines[in.Addr].operands, "page open")
					}
				case 277, 278, 284, 285, 286, 299: // ADD_ABS_LO12_NC, LDST
					if refs++; in.Ref == r.to {
						resolved++
					} else if in.Ref != 0 {
						diff.add(fn.name, "ref of %s %s: %x, want %x", lines[in.Addr].mnemonic, lines[in.Addr].operands, in.Ref, r.to)
					} else {
						diff.add(fn.name+" "+lines[in.Addr].operands, "no ref of %s", lines[in.Addr].mnemonic)
					}
				}
			}
		}
	}
	t.Logf("%d functions, %d instructions, %d of %d references, %d of %d pages open", len(p.functions), n, resolved, refs, open, pages)
	if testing.Verbose() {
		diff.log(t)
	}
}

func sameAArch64(c *insn.Code, name string, l listed) bool {
	m := l.mnemonic
	// Of what is not told apart there is little: SVE, tags of memory.
	if name == m || name == "sve" || name == "ldst" && strings.Contains(m, "g") || name == "hint" || name == "nop" && l.operands == "#0x0" || name == "b." && strings.HasPrefix(m, "b.") {
		return true
	}
	if strings.HasSuffix(m, "2") && name == m[:len(m)-1] {
		return true
	}
	return false
}

func checkARM(t *testing.T, p *program, file string) {
	lines := listing(t, testkit.Tool(t, "arm-linux-gnueabi-objdump"), file)
	n := compareListing(t, p, lines, sameARM)
	relocations := p.relocations(t)
	diff := differences{}
	all, words, resolved := 0, 0, 0
	var list []insn.Inst
	for _, fn := range p.functions {
		c := p.codeOf(fn)
		list = c.Decode(fn.code, fn.addr, list[:0])
		refs := map[uint64]bool{}
		for _, in := range list {
			refs[in.Ref] = true
		}
		for _, in := range list {
			for _, r := range relocations[in.Addr] {
				switch r.kind {
				case 2, 3: // ABS32, REL32 of a word beside the code
					all++
					if in.Flow == insn.Data {
						words++
					} else {
						diff.add(fn.name, "word is no data")
					}
				case 44, 48: // MOVT_ABS
					all++
					if refs[r.to] || refs[r.to|1] {
						resolved++
					} else {
						diff.add(fn.name+" "+lines[in.Addr].operands, "no ref of %s: %v", lines[in.Addr].mnemonic, r.kind)
					}
				}
			}
		}
	}
	t.Logf("%d functions, %d instructions, of %d references %d words, %d pairs", len(p.functions), n, all, words, resolved)
	if testing.Verbose() {
		diff.log(t)
	}
}

var armConditions = strings.Fields("eq ne cs cc mi pl vs vc hi ls ge lt gt le al")

func sameARM(c *insn.Code, name string, l listed) bool {
	m, operands := l.mnemonic, l.operands
	m = strings.TrimSuffix(strings.TrimSuffix(m, ".w"), ".n")
	if strings.HasPrefix(m, "v") || strings.HasPrefix(m, "sha") || strings.HasPrefix(m, "aes") {
		m, _, _ = strings.Cut(m, ".")
	}
	same := func(m string) bool {
		if m == name {
			return true
		}
		switch name {
		case "stmdb", "str":
			return m == "push"
		case "ldmia", "ldr":
			return m == "pop" || m == "ldm" && name != "ldr"
		case "stmia":
			return m == "stm"
		case "vstmdb":
			return m == "vpush"
		case "vldmia":
			return m == "vpop"
		case "mov":
			return m == "nop" || m == "cpy"
		case "add", "sub":
			return strings.HasPrefix(m, "add") || strings.HasPrefix(m, "sub")
		}
		return m == "nop" && name == "hint" || strings.HasPrefix(name, "mcr") && strings.HasPrefix(m, "mcr") ||
			name == "stc" && strings.HasPrefix(m, "st") || name == "ldc" && strings.HasPrefix(m, "ld")
	}
	either := func(m string) bool {
		return same(m) || c.Set == insn.Thumb && (same(m+"s") || strings.HasPrefix(m, "mov") && strings.Contains(operands, " "+strings.TrimSuffix(name, "s")))
	}
	if either(m) || name == "it" && strings.HasPrefix(m, "it") {
		return true
	}
	i := len(m) - 2
	return i > 0 && slices.Contains(armConditions, m[i:]) && either(m[:i])
}

func checkMIPS(t *testing.T, p *program, file string) {
	tool := "mips-linux-gnu-objdump"
	if p.code.Set == insn.MIPS64 {
		tool = "mips64el-linux-gnuabi64-objdump"
	}
	lines := listing(t, testkit.Tool(t, tool), file, "-M", "no-aliases")
	n := compareListing(t, p, lines, sameMIPS)
	relocations := p.relocations(t)
	diff := differences{}
	refs, resolved, upper, open := 0, 0, 0, 0
	var list []insn.Inst
	for _, fn := range p.functions {
		c := p.codeOf(fn)
		list = c.Decode(fn.code, fn.addr, list[:0])
		for _, in := range list {
			l := lines[in.Addr]
			for _, r := range relocations[in.Addr] {
				where := fn.name + " " + l.mnemonic + " " + l.operands
				switch r.kind & 0xff {
				case 5, 22: // HI16, GOT_HI16
					if upper++; in.Word&0xffff != 0 {
						open++
						diff.add(where, "upper half open")
					}
				case 6, 9, 11, 20, 21, 23, 28, 29: // LO16, GOT16, CALL16, GOT_PAGE, GOT_OFST, GOT_LO16
					if refs++; in.Word&0xffff == 0 {
						resolved++
					} else {
						diff.add(where, "open: %s, relocation %d", l.mnemonic, r.kind&0xff)
					}
				}
			}
		}
	}
	t.Logf("%d functions, %d instructions, %d of %d references, %d of %d upper halves open", len(p.functions), n, resolved, refs, open, upper)
	if testing.Verbose() {
		diff.log(t)
	}
}

func sameMIPS(c *insn.Code, name string, l listed) bool {
	m := l.mnemonic
	aliases := map[string]string{"ror": "rotr", "dror": "drotr", "dror32": "drotr32", "rorv": "rotrv", "drorv": "drotrv",
		"negu": "subu", "dnegu": "dsubu", "dli": "ori"}
	if c.Set == insn.MIPS16 && (name == "nop" && m == "move" || m == "dla") {
		return true
	}
	return name == m || aliases[m] == name || strings.HasPrefix(name, m) && (m == "dext" || m == "dins") || name == "nop" && m == "sll" || name == "" && strings.HasPrefix(m, "0x")
}
