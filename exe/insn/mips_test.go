package insn_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein/exe/insn"
	"github.com/wardein/wardein/internal/testkit"
)

// TestMIPSFile compares a file named by the environment, linked with
// --emit-relocs.
func TestMIPSFile(t *testing.T) {
	file := os.Getenv("INSN_MIPS")
	if file == "" {
		t.Skip("INSN_MIPS names no file")
	}
	checkMIPS(t, file)
}

func checkMIPS(t *testing.T, file string) {
	p := load(t, file)
	p.functions = slices.DeleteFunc(p.functions, func(fn function) bool { return fn.m16 })
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
	return name == m || aliases[m] == name || strings.HasPrefix(name, m) && (m == "dext" || m == "dins") || name == "nop" && m == "sll" || name == "" && strings.HasPrefix(m, "0x")
}
