// Package pem reads textual encodings (RFC 7468; RFC 1421 with headers; RFC
// 4880, 6.2) where they stand: in files, in strings of programs, and with line
// ends escaped as JSON, C, shells and XML do.
//
//	-----BEGIN RSA PRIVATE KEY-----     label
//	Proc-Type: 4,ENCRYPTED              headers, only in old encrypted keys
//	MIIEow…                             base64
//	-----END RSA PRIVATE KEY-----
package pem

import (
	"encoding/base64"
	"io"
	"strings"
)

// Begin is what every block begins with: a literal to look for.
const Begin = "-----BEGIN "

// Bounds of one block. An RSA key of 16,384 bits takes 12.7 kB. Strings of a
// program are padded with zero bytes to the next multiple of at most 64.
const (
	maxLabel = 64
	maxBlock = 64 << 10
	maxZeros = 64
	piece    = 2 << 10 // a block is read in pieces
	first    = 256     // and the first is smaller: many beginnings have nothing behind them
)

const (
	end  = "-----END "
	dash = "-----"
)

// Block is one block.
type Block struct {
	Label   string
	Size    int64 // from the first to the last dash
	Headers []string
	// Lines are what stands between, without escapes and empty lines.
	Lines []string
}

// Bytes decodes base64, false when it is none.
func (b *Block) Bytes() ([]byte, bool) {
	text := strings.Join(b.Lines, "")
	enc := base64.StdEncoding
	if len(text)%4 != 0 {
		enc = base64.RawStdEncoding
	}
	p, err := enc.DecodeString(text)
	return p, err == nil
}

// Read reads the block whose Begin is at off, if its label is wanted. It reads
// no further than the next run of five dashes or the next byte that cannot be
// in a block, so that many beginnings cost no more than one pass.
func Read(r io.ReaderAt, off, size int64, want func(label string) bool) (Block, bool) {
	var buf [piece]byte
	n := int(min(size-off, first))
	if n < len(Begin) {
		return Block{}, false
	}
	if k, _ := r.ReadAt(buf[:n], off); k < n {
		return Block{}, false
	}
	head := string(buf[len(Begin):min(n, len(Begin)+maxLabel+len(dash))])
	label, _, ok := strings.Cut(head, dash)
	if !ok || !plain(label) || !want(label) {
		return Block{}, false
	}
	start := len(Begin) + len(label) + len(dash)
	last := end + label + dash
	text := append([]byte(nil), buf[start:n]...)
	zeros := 0
	for seen := 0; ; {
	bytes:
		for ; seen < len(text); seen++ {
			c := text[seen]
			switch {
			case c == 0:
				if zeros++; zeros > maxZeros {
					return Block{}, false
				}
				continue
			case c == '-':
				rest := text[seen:]
				if len(rest) < len(last) && strings.HasPrefix(last, string(rest)) {
					break bytes // the rest of the line is still to be read
				}
				if strings.HasPrefix(string(rest[:min(len(rest), len(last))]), dash) {
					if !strings.HasPrefix(string(rest[:min(len(rest), len(last))]), last) {
						return Block{}, false
					}
					b := Block{Label: label, Size: int64(start + seen + len(last))}
					b.body(string(text[:seen]))
					return b, true
				}
			case (c < 0x20 || c > 0x7e) && c != '\n' && c != '\r' && c != '\t':
				return Block{}, false
			}
			zeros = 0
		}
		at := off + int64(start+len(text))
		n := int(min(size-at, piece))
		if n <= 0 || len(text) > maxBlock {
			return Block{}, false
		}
		if k, _ := r.ReadAt(buf[:n], at); k < n {
			return Block{}, false
		}
		text = append(text, buf[:n]...)
	}
}

func plain(s string) bool {
	for _, c := range s {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != ' ' && c != '-' {
			return false
		}
	}
	return true
}

// unescape undoes what JSON, source code and XML do to line ends and slashes,
// and what a table of strings puts between two.
var unescape = strings.NewReplacer(`\r`, "", `\n`, "\n", `\/`, "/", "&#10;", "\n", "&#xA;", "\n", "&#xa;", "\n",
	"&#13;", "", "&#xD;", "", "&#xd;", "", `"`, "", `'`, "", "\\\n", "\n", "\r", "", "\x00", "")

// body splits the text between the two lines into headers and lines.
func (b *Block) body(s string) {
	headers := true
	for line := range strings.SplitSeq(strings.Trim(unescape.Replace(s), "\n"), "\n") {
		line = strings.TrimRight(strings.TrimSpace(line), ",") // an array of strings
		if headers && strings.Contains(line, ": ") {
			b.Headers = append(b.Headers, line)
			continue
		}
		if line != "" {
			headers = false
			b.Lines = append(b.Lines, strings.Join(strings.Fields(line), ""))
		}
	}
}

// UnwrapAt is Unwrap of what stands at off, at most limit bytes of it. It reads
// in pieces that grow: most runs are short.
func UnwrapAt(r io.ReaderAt, off, limit int64) ([]byte, int64) {
	for n := min(limit, 2*piece); n > 0; n = min(limit, 4*n) {
		p := make([]byte, n)
		k, _ := r.ReadAt(p, off)
		if out, used := Unwrap(p[:k]); int64(k) < n || n == limit || used+256 < n {
			return out, used
		}
	}
	return nil, 0
}

// Unwrap decodes the base64 that p begins with; line ends, also escaped
// ones, may stand in it. n is how many bytes of p it takes.
func Unwrap(p []byte) (out []byte, n int64) {
	var text strings.Builder
run:
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			text.WriteByte(c)
			n = int64(i + 1)
		case c == '=' && text.Len()%4 >= 2:
			n = int64(i + 1)
			break run
		case c == '\\' && i+1 < len(p) && (p[i+1] == 'n' || p[i+1] == 'r'):
			i++
		case c == '\n' || c == '\r' || c == ' ' || c == '\t':
		default:
			break run
		}
	}
	s := text.String()
	if len(s)%4 == 1 {
		s = s[:len(s)-1]
	}
	out, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil, 0
	}
	return out, n
}
