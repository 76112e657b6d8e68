//go:build measure

package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/testkit"
)

// TestKernels compares kernels that are not in the repository with what
// another reader says: KERNELS names the folder that testdata/kernels.sh made,
// with NAME.img and beside it NAME.nm, the output of nm.
func TestKernels(t *testing.T) {
	dir := os.Getenv("KERNELS")
	if dir == "" {
		t.Skip("skipped: KERNELS names no folder of kernels")
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "*.img"))
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			claim, err := Format.Measure(testkit.Section(data))
			if err != nil || claim.Confidence != wardein.Certain {
				t.Errorf("%+v, %v", claim, err)
			}
			k, err := exe.ReadKernel(testkit.Section(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			nm, err := os.ReadFile(strings.TrimSuffix(path, ".img") + ".nm")
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]int{}
			for line := range strings.Lines(string(nm)) {
				if f := strings.Fields(line); len(f) == 3 {
					addr, err := strconv.ParseUint(f[0], 16, 64)
					if err != nil {
						t.Fatal(err)
					}
					want[fmt.Sprintf("%0*x %s", k.Class/4, addr&(1<<k.Class-1), f[2])]++
				}
			}
			n, missing := 0, 0
			for s := range k.Symbols.Symbols() {
				n++
				key := fmt.Sprintf("%0*x %s", k.Class/4, s.Addr, s.Name)
				if want[key]--; want[key] < 0 {
					missing++
				}
			}
			// vmlinux-to-elf loses one or two that share an address.
			if missing > 2 && k.Arch != "ppc64" {
				t.Errorf("nm does not have %d of %d symbols", missing, n)
			}
			t.Logf("%d symbols, %d of them not in nm; %s; %s", n, missing, claim.Evidence, k.Banner)

			// Without its symbol table the same kernel must say the same.
			for _, t := range k.Symbols.Tables {
				if t.Name == "token_table" {
					clear(data[t.Off:][:t.Len])
				}
			}
			bare, err := exe.ReadKernel(testkit.Section(data), int64(len(data)))
			if err != nil || bare.Symbols != nil {
				t.Fatalf("bare: %v", err)
			}
			etext := k.Bound("_etext")
			if bare.Base != k.Base || bare.Exceptions != k.Exceptions || bare.CodeTo > k.Bound("_einittext") {
				t.Errorf("bare: base %#x, want %#x; exception table %+v, want %+v; code to %#x, text ends at %#x", bare.Base, k.Base, bare.Exceptions, k.Exceptions, bare.CodeTo, etext)
			}
			if strings.HasPrefix(k.Arch, "mips") && (bare.Exceptions.Off < etext || bare.Exceptions.Off > etext+16) {
				t.Errorf("exception table at %#x, text ends at %#x", bare.Exceptions.Off, etext)
			}
			if !strings.HasPrefix(k.Arch, "mips") && bare.CodeTo > etext {
				t.Logf("code to %#x, text ends at %#x", bare.CodeTo, etext)
			}
		})
	}
}
