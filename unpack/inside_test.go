package unpack_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit/kernelimage"
)

// TestInside: a format without a header is found by what stands inside it, in
// a member and in front of other bytes, and what it carries is found in turn.
func TestInside(t *testing.T) {
	banner := "Linux version 4.9.0-box (maker@box.example) (gcc version 7.3.0) #1 Thu Jan 1 00:00:00 UTC 1970"
	carried := string(newc("etc/motd", 0o100644, 6, "hello\n")) + string(newc("TRAILER!!!", 0, 0, ""))
	kernel, _ := kernelimage.Build(kernelimage.Image{Arch: "mips", Order: binary.BigEndian, Class: 32, Base: 0x80060000, Functions: 300,
		Symbols: "relative", All: true, Exports: 2, Banner: banner, Data: []byte(carried)})
	for name, data := range map[string][]byte{
		"compressed": gzipOf(t, kernel),
		"plain":      kernel,
		"many":       append(kernel, strings.Repeat("Linux version 5 ", 5000)...),
	} {
		t.Run(name, func(t *testing.T) {
			tree := hostile(t, data, nil)
			tree.wantContent("hello\n")
			n := 0
			for _, x := range tree.nodes {
				if x.Format != "linux-kernel" {
					continue
				}
				n++
				for _, s := range x.Spans {
					if s.Is == "text" && s.Code == "mips" && s.What == wardein.Known {
						n++
					}
				}
			}
			if n != 2 {
				t.Errorf("%d kernels and texts", n)
			}
		})
	}
}
