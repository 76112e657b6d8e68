package cryptolib

import (
	"bytes"
	"context"
	"io"
)

// Bounds of a text that can be characteristic of a library.
const (
	minText = 5
	maxText = 120
	piece   = 256 << 10
)

// Texts calls each with the texts of r that can be characteristic, and their
// places: runs of 5 to 120 printable characters that end in a zero byte, as
// constants of C programs do. The name of a source file is cut down to its
// last folder and name, because the rest depends on where it was built.
// The slice is valid until each returns.
func Texts(ctx context.Context, r io.ReaderAt, size int64, each func(off int64, text []byte)) error {
	buf := make([]byte, 0, piece+maxText+1)
	for pos := int64(0); pos < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		kept := len(buf)
		n, err := r.ReadAt(buf[kept:kept+int(min(piece, size-pos))], pos)
		if n == 0 {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		buf = buf[:kept+n]
		pos += int64(n)
		at := pos - int64(len(buf)) // of buf[0]
		from := 0                   // behind the last zero
		for from < len(buf) {
			z := bytes.IndexByte(buf[from:], 0)
			if z < 0 {
				break
			}
			z += from
			if z-from >= minText && inText[buf[z-1]] && inText[buf[z-minText]] {
				a := z
				for a > from && z-a <= maxText && inText[buf[a-1]] {
					a--
				}
				if n := z - a; n >= minText && n <= maxText {
					text := trimPath(buf[a:z])
					each(at+int64(z-len(text)), text)
				}
			}
			for from = z + 1; from < len(buf) && buf[from] == 0; from++ {
			}
		}
		from = max(from, len(buf)-maxText-1)
		buf = buf[:copy(buf[:cap(buf)], buf[from:])]
	}
	return nil
}

// inText are the printable characters, the ones of runs.
var inText = func() (t [256]bool) {
	for c := range t {
		t[c] = printable(byte(c))
	}
	return t
}()

func printable(c byte) bool { return c >= 0x20 && c < 0x7f }

// trimPath makes aes/aes_core.c of ../crypto/aes/aes_core.c.
func trimPath(b []byte) []byte {
	if !bytes.HasSuffix(b, []byte(".c")) || bytes.IndexByte(b, ' ') >= 0 {
		return b
	}
	if last := bytes.LastIndexByte(b, '/'); last > 0 {
		return b[bytes.LastIndexByte(b[:last], '/')+1:]
	}
	return b
}
