package insn_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein/exe/insn"
	"github.com/wardein/wardein/internal/testkit"
)

// TestARMFile compares a file named by the environment, linked with
// --emit-relocs.
func TestARMFile(t *testing.T) {
	file := os.Getenv("INSN_ARM")
	if file == "" {
		t.Skip("INSN_ARM names no file")
	}
	checkARM(t, file)
}

func checkARM(t *testing.T, file string) {
	p := load(t, file)
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
		return m == "nop" && name == "hint" || strings.HasPrefix(name, "mcr") && strings.HasPrefix(m, "mcr") || strings.HasPrefix(m, "stc") && name == "stc" || strings.HasPrefix(m, "ldc") && name == "ldc"
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
