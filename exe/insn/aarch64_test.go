package insn_test

import (
	"os"
	"strings"
	"testing"

	"github.com/wardein/wardein/exe/insn"
	"github.com/wardein/wardein/internal/testkit"
)

// TestAArch64File compares a file named by the environment, linked with
// --emit-relocs.
func TestAArch64File(t *testing.T) {
	file := os.Getenv("INSN_AARCH64")
	if file == "" {
		t.Skip("INSN_AARCH64 names no file")
	}
	checkAArch64(t, file)
}

func checkAArch64(t *testing.T, file string) {
	p := load(t, file)
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
	if name == m || name == "hint" || name == "nop" && l.operands == "#0x0" || name == "b." && strings.HasPrefix(m, "b.") {
		return true
	}
	if strings.HasSuffix(m, "2") && name == m[:len(m)-1] {
		return true
	}
	return false
}
