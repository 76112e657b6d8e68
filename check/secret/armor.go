package secret

import (
	"encoding/base64"
	"io"
	"strings"
)

// Bounds of one PEM block. An RSA key of 16,384 bits takes 12.7 kB.
const (
	maxLabel = 64
	maxBlock = 64 << 10
	piece    = 2 << 10 // a block is read in pieces, most keys are in the first
)

const (
	begin = "-----BEGIN "
	end   = "-----END "
	dash  = "-----"
)

// block is one PEM block (RFC 7468; RFC 1421 with headers).
type block struct {
	label   string
	size    int64 // from the first to the last dash
	headers []string
	der     []byte
}

// readBlock reads the block whose "-----BEGIN " is at off. It reads no further
// than the next run of five dashes or the next byte that cannot be in a block,
// so that many beginnings cost no more than one pass over the bytes.
func readBlock(r io.ReaderAt, off, size int64) (block, bool) {
	var buf [piece]byte
	n := int(min(size-off, piece))
	if k, _ := r.ReadAt(buf[:n], off); k < n {
		return block{}, false
	}
	head := string(buf[len(begin):min(n, len(begin)+maxLabel+len(dash))])
	label, _, ok := strings.Cut(head, dash)
	if !ok || !strings.HasSuffix(label, "PRIVATE KEY") || !plainLabel(label) {
		return block{}, false
	}
	start := len(begin) + len(label) + len(dash)
	text := append([]byte(nil), buf[start:n]...)
	for seen := 0; ; {
		for ; seen < len(text); seen++ {
			c := text[seen]
			if c == '-' && strings.HasPrefix(string(text[seen:min(len(text), seen+len(dash))]), dash) {
				last := end + label + dash
				if rest := len(text) - seen; rest < len(last) {
					break // the rest of the line is still to be read
				}
				if string(text[seen:seen+len(last)]) != last {
					return block{}, false
				}
				b := block{label: label, size: int64(start + seen + len(last))}
				b.headers, b.der, ok = body(string(text[:seen]))
				return b, ok
			}
			if c == '-' && len(text)-seen < len(dash) {
				break
			}
			if (c < 0x20 || c > 0x7e) && c != '\n' && c != '\r' && c != '\t' {
				return block{}, false
			}
		}
		at := off + int64(start+len(text))
		n := int(min(size-at, piece))
		if n <= 0 || len(text) > maxBlock {
			return block{}, false
		}
		if k, _ := r.ReadAt(buf[:n], at); k < n {
			return block{}, false
		}
		text = append(text, buf[:n]...)
	}
}

func plainLabel(s string) bool {
	for _, c := range s {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != ' ' {
			return false
		}
	}
	return true
}

// unescape undoes what JSON, source code and XML do to line ends and slashes.
var unescape = strings.NewReplacer(`\r`, "", `\n`, "\n", `\/`, "/", "&#10;", "\n", "&#xA;", "\n", "&#xa;", "\n",
	"&#13;", "", "&#xD;", "", "&#xd;", "", `"`, "", `'`, "", "\\\n", "\n", "\r", "")

// body splits the text between the two lines into headers and decoded bytes.
func body(s string) (headers []string, der []byte, ok bool) {
	lines := strings.Split(strings.Trim(unescape.Replace(s), "\n"), "\n")
	for len(lines) > 0 && strings.Contains(lines[0], ":") {
		headers = append(headers, strings.TrimSpace(lines[0]))
		lines = lines[1:]
	}
	enc := base64.StdEncoding
	text := strings.Join(strings.Fields(strings.Join(lines, "\n")), "")
	if len(text)%4 != 0 {
		enc = base64.RawStdEncoding
	}
	der, err := enc.DecodeString(text)
	return headers, der, err == nil && len(der) >= 16
}
