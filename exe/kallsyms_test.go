package exe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
	"os"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/kernelimage"
)

const someBanner = "Linux version 4.9.0-box (maker@box.example) (gcc version 7.3.0) #1 Thu Jan 1 00:00:00 UTC 1970"

// images are kernels of all forms.
func images() map[string]kernelimage.Image {
	out := map[string]kernelimage.Image{}
	for _, order := range []kernelimage.Order{binary.LittleEndian, binary.BigEndian} {
		for _, arch := range []string{"arm", "mips", "mips64", "ppc", "ppc64"} {
			i := kernelimage.Image{Arch: arch, Order: order, Class: 32, Base: 0xc0008000, Functions: 700, Banner: someBanner}
			switch arch {
			case "mips":
				i.Base = 0x80060000
			case "mips64":
				i.Base, i.Class = 0xffffffff80100000, 64
			case "ppc64":
				i.Base, i.Class = 0xc000000000000000, 64
			}
			add := func(name string, f func(i *kernelimage.Image)) {
				k := i
				f(&k)
				out[fmt.Sprintf("%s-%s-%s", arch, strings.ToLower(order.String()[:1]), name)] = k
			}
			add("2.6", func(i *kernelimage.Image) { i.Symbols, i.Longs, i.Exports = "absolute", true, 2 })
			add("3.10", func(i *kernelimage.Image) { i.Symbols, i.Longs, i.Align, i.All = "absolute", true, 16, true })
			add("4.9", func(i *kernelimage.Image) { i.Symbols, i.Longs = "relative", true })
			add("5.4", func(i *kernelimage.Image) { i.Symbols, i.Exports, i.All = "relative", 3, true })
			add("6.1", func(i *kernelimage.Image) { i.Symbols, i.Exports, i.Sums, i.Long = "relative", 3, true, true })
			add("6.3", func(i *kernelimage.Image) { i.Symbols, i.Seqs, i.Long, i.All = "relative", true, true, true })
			add("6.6", func(i *kernelimage.Image) { i.Symbols, i.Behind, i.Long = "relative", true, true })
			add("percpu", func(i *kernelimage.Image) { i.Symbols, i.All = "percpu", true })
			add("bare", func(i *kernelimage.Image) { i.Exports = 2 })
			add("bare-sums", func(i *kernelimage.Image) { i.Exports, i.Sums = 3, true })
			if i.Class == 64 {
				add("unrelocated", func(i *kernelimage.Image) { i.Symbols = "unrelocated" })
			}
		}
	}
	return out
}

// TestReadKernel reads what was built, name by name.
func TestReadKernel(t *testing.T) {
	for name, i := range images() {
		t.Run(name, func(t *testing.T) {
			data, truth := kernelimage.Build(i)
			k, err := ReadKernel(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			if k.Banner != someBanner || k.Arch != i.Arch || k.Class != i.Class || k.Order.String() != i.Order.String() {
				t.Errorf("banner %q, %s %d %v", k.Banner, k.Arch, k.Class, k.Order)
			}
			if i.Symbols != "unrelocated" && (k.Base != i.Base || k.Confirmed == "") {
				t.Errorf("base %#x confirmed %q, want %#x", k.Base, k.Confirmed, i.Base)
			}
			if (k.Symbols != nil) != (i.Symbols != "") || (k.Exports != nil) != (i.Exports != 0) {
				t.Fatalf("symbols %v exports %v", k.Symbols != nil, k.Exports != nil)
			}
			if s := k.Symbols; s != nil {
				n := 0
				for x := range s.Symbols() {
					want := truth.Symbols[n]
					if i.Symbols == "unrelocated" {
						want.Addr -= i.Base
					}
					if n++; x != KernelSymbol(want) {
						t.Fatalf("symbol %d is %v, want %v", n, x, want)
					}
				}
				if n != len(truth.Symbols) {
					t.Errorf("%d symbols, want %d", n, len(truth.Symbols))
				}
				for _, table := range s.Tables {
					if at, ok := truth.Places["kallsyms_"+table.Name]; !ok || int64(at) != table.Off {
						t.Errorf("%s at %#x, want %#x", table.Name, table.Off, at)
					}
				}
			}
			if e := k.Exports; e != nil {
				n := 0
				for x := range e.Symbols() {
					if want := truth.Exports[n]; x != KernelSymbol(want) {
						t.Fatalf("export %d is %v, want %v", n, x, want)
					}
					n++
				}
				if n != len(truth.Exports) || e.Table.Off != int64(truth.Places["__start___ksymtab"]) || e.Strings.Off != int64(truth.Places["__ksymtab_strings"]) {
					t.Errorf("%d exports at %#x, names at %#x, want %d at %#x and %#x", n, e.Table.Off, e.Strings.Off,
						len(truth.Exports), truth.Places["__start___ksymtab"], truth.Places["__ksymtab_strings"])
				}
			}
			if (i.Arch == "arm" || i.Arch == "mips" || i.Arch == "mips64") && i.Symbols != "unrelocated" && k.Exceptions != (Place{int64(truth.Places["__start___ex_table"]), int64(truth.Places["__stop___ex_table"] - truth.Places["__start___ex_table"])}) {
				t.Errorf("exception table %+v, want %#x", k.Exceptions, truth.Places["__start___ex_table"])
			}
		})
	}
}

// TestKernelList compares the listing with the symbols.
func TestKernelList(t *testing.T) {
	data, truth := kernelimage.Build(images()["arm-l-6.1"])
	k, err := ReadKernel(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(k.Symbols.List())
	var want strings.Builder
	for _, s := range truth.Symbols {
		fmt.Fprintf(&want, "%08x %c %s\n", s.Addr, s.Type, s.Name)
	}
	if err != nil || string(got) != want.String() {
		t.Errorf("%v, %d bytes, want %d", err, len(got), want.Len())
	}
}

func FuzzKernel(f *testing.F) {
	for _, name := range []string{"arm-l-6.1", "mips-b-bare-sums", "ppc64-b-6.6", "mips64-l-6.3", "ppc-b-3.10"} {
		i := images()[name]
		i.Functions = 300
		data, _ := kernelimage.Build(i)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		probeKernel(t, data)
	})
}

// BenchmarkReadKernel reads a kernel named by KERNEL, or one that is built.
func BenchmarkReadKernel(b *testing.B) {
	data, err := os.ReadFile(os.Getenv("KERNEL"))
	if err != nil {
		i := images()["mips-b-6.1"]
		i.Functions = 50000
		data, _ = kernelimage.Build(i)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadKernel(bytes.NewReader(data), int64(len(data))); err != nil {
			b.Fatal(err)
		}
	}
}

// TestKernelDamage reads kernels with bytes changed and cut.
func TestKernelDamage(t *testing.T) {
	for _, name := range []string{"arm-l-6.1", "mips-b-bare-sums", "ppc64-b-6.6", "mips64-l-6.3", "ppc-b-3.10"} {
		i := images()[name]
		i.Functions = 300
		data, _ := kernelimage.Build(i)
		r := rand.New(rand.NewSource(1))
		for range 60 {
			d := bytes.Clone(data[:len(data)-r.Intn(2)*r.Intn(len(data))])
			for range r.Intn(20) {
				d[r.Intn(len(d))] = byte(r.Int())
			}
			probeKernel(t, d)
		}
	}
}

// probeKernel reads bytes that may be anything.
func probeKernel(t *testing.T, data []byte) {
	k, err := ReadKernel(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return
	}
	size := int64(len(data))
	places := []Place{k.BannerAt, k.Exceptions}
	if k.Symbols != nil {
		for _, x := range k.Symbols.Tables {
			places = append(places, x.Place)
		}
		io.Copy(io.Discard, k.Symbols.List())
	}
	if k.Exports != nil {
		places = append(places, k.Exports.Table, k.Exports.Strings)
		io.Copy(io.Discard, k.Exports.List())
	}
	for _, p := range places {
		if p.Off < 0 || p.Len < 0 || p.Off > size || p.Len > size-p.Off {
			t.Errorf("place %+v of %d bytes", p, size)
		}
	}
}
