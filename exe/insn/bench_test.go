package insn_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wardein/wardein/exe/insn"
	"github.com/wardein/wardein/internal/testkit"
)

// BenchmarkDecode decodes all functions of a program that holds its libraries.
func BenchmarkDecode(b *testing.B) {
	for _, set := range []struct {
		name, target string
		args         []string
	}{
		{"AArch64", "aarch64-linux-gnu", nil},
		{"ARM", "arm-linux-gnueabi", []string{"-marm"}},
		{"Thumb", "arm-linux-gnueabihf", []string{"-mthumb"}},
		{"MIPS", "mips-linux-gnu", nil},
		{"MIPS64", "mips64el-linux-gnuabi64", nil},
	} {
		b.Run(set.name, func(b *testing.B) {
			file := filepath.Join(b.TempDir(), "a")
			args := append([]string{"-w", "-O2", "-static", "-o", file, filepath.Join("..", "testdata", "calls", "all.c"), "-lm"}, set.args...)
			if out, err := exec.Command(testkit.Tool(b, set.target+"-gcc"), args...).CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			p := load(b, file)
			codes := make([]*insn.Code, len(p.functions))
			n := int64(0)
			for i, fn := range p.functions {
				codes[i] = p.codeOf(fn)
				n += int64(len(fn.code))
			}
			b.SetBytes(n)
			b.ReportAllocs()
			var list []insn.Inst
			for b.Loop() {
				for i, fn := range p.functions {
					list = codes[i].Decode(fn.code, fn.addr, list[:0])
				}
			}
		})
	}
}
