package prove

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// The container's bounds. Without ZIP64 a bundle is below 4 GiB.
const (
	maxMembers = 65_000
	maxName    = 100
	maxSize    = 1<<32 - 1
)

// Layouts of PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
const (
	localSize   = 30
	centralSize = 46
	endSize     = 22

	localMagic   = 0x04034b50
	centralMagic = 0x02014b50
	endMagic     = 0x06054b50

	version = 10     // stored files need no more
	dosDate = 0x0021 // 1980-01-01, the first day that a ZIP file can tell
)

// Refused is the error of what does not verify. Part is what is wrong:
// "container", "member NAME", "policy", "input", "log" or "disclosure".
type Refused struct {
	Part string
	Why  error
}

func (r *Refused) Error() string { return fmt.Sprintf("bundle: %s: %v", r.Part, r.Why) }
func (r *Refused) Unwrap() error { return r.Why }

// ErrMissing is why a bundle is refused that lacks a member.
var ErrMissing = errors.New("missing")

func refuse(part, format string, args ...any) error {
	return &Refused{part, fmt.Errorf(format, args...)}
}

func refuseMember(name, format string, args ...any) error {
	return refuse("member "+name, format, args...)
}

// Member is one member of a bundle.
type Member struct {
	Name string
	Size int64
	crc  uint32
	off  int64 // of its content
}

// Bundle is a bundle whose container has the one form that it may have. What
// its members say is not verified.
type Bundle struct {
	Members []Member // sorted by name
	r       io.ReaderAt
}

// Open reads a bundle's container: its headers and directory, no content.
func Open(r io.ReaderAt, size int64) (*Bundle, error) {
	b := &Bundle{r: r}
	var head [localSize + maxName]byte
	off := int64(0)
	for {
		n, err := r.ReadAt(head[:min(int64(len(head)), size-off)], off)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		h := head[:n]
		if n < 4 || binary.LittleEndian.Uint32(h) != localMagic {
			break
		}
		m, err := b.member(h, off, size)
		if err != nil {
			return nil, err
		}
		b.Members = append(b.Members, m)
		off = m.off + m.Size
	}
	if len(b.Members) == 0 {
		return nil, refuse("container", "no member at offset 0")
	}
	want := directory(b.Members, off)
	if size-off != int64(len(want)) {
		return nil, refuse("container", "after member %s at %#x: %d bytes, expected a directory of %d", b.Members[len(b.Members)-1].Name, off, size-off, len(want))
	}
	got := make([]byte, len(want))
	if _, err := r.ReadAt(got, off); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for i := range want {
		if got[i] != want[i] {
			return nil, refuse("container", "directory at %#x: byte %#02x, expected %#02x", off+int64(i), got[i], want[i])
		}
	}
	return b, nil
}

// member reads a local header. Every field but name, size and CRC has one
// value.
func (b *Bundle) member(h []byte, off, size int64) (m Member, err error) {
	bad := func(format string, args ...any) (Member, error) {
		return m, refuse("container", "header at %#x: %s", off, fmt.Sprintf(format, args...))
	}
	if len(h) < localSize {
		return bad("cut off")
	}
	n := int(binary.LittleEndian.Uint16(h[26:]))
	if n > maxName || localSize+n > len(h) {
		return bad("a name of %d bytes, at most %d", n, maxName)
	}
	m = Member{
		Name: string(h[localSize : localSize+n]),
		Size: int64(binary.LittleEndian.Uint32(h[22:])),
		crc:  binary.LittleEndian.Uint32(h[14:]),
		off:  off + int64(localSize+n),
	}
	if want := local(nil, &m); string(want) != string(h[:len(want)]) {
		return bad("not in the form of a bundle's (member %.100q)", m.Name)
	}
	if !validName(m.Name) {
		return bad("name %.100q", m.Name)
	}
	if k := len(b.Members); k > 0 && b.Members[k-1].Name >= m.Name {
		return bad("member %s after %s: not sorted, each once", m.Name, b.Members[k-1].Name)
	}
	if m.Size > size-m.off {
		return bad("member %s: %d bytes, %d are there", m.Name, m.Size, size-m.off)
	}
	if len(b.Members) == maxMembers {
		return bad("more than %d members", maxMembers)
	}
	return m, nil
}

// validName tells whether a name is one or two components of letters, digits,
// "-", "_" and ".", none of which begins with a dot.
func validName(s string) bool {
	if len(s) > maxName || strings.Count(s, "/") > 1 {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part[0] == '.' {
			return false
		}
		for _, c := range []byte(part) {
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
				return false
			}
		}
	}
	return true
}

// local appends a member's local header.
func local(b []byte, m *Member) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, localMagic)
	b = le.AppendUint16(b, version)
	return append(common(b, m), m.Name...)
}

// common appends what both headers have: flags, method, time, date, CRC, sizes
// and the lengths of name and extra field.
func common(b []byte, m *Member) []byte {
	le := binary.LittleEndian
	b = append(b, 0, 0, 0, 0, 0, 0)
	b = le.AppendUint16(b, dosDate)
	b = le.AppendUint32(b, m.crc)
	b = le.AppendUint32(b, uint32(m.Size))
	b = le.AppendUint32(b, uint32(m.Size))
	b = le.AppendUint16(b, uint16(len(m.Name)))
	return append(b, 0, 0)
}

// directory is the central directory, which stands at off, and its end.
func directory(members []Member, off int64) (b []byte) {
	le := binary.LittleEndian
	for i := range members {
		m := &members[i]
		b = le.AppendUint32(b, centralMagic)
		b = le.AppendUint16(b, version)
		b = le.AppendUint16(b, version)
		b = common(b, m)
		b = append(b, make([]byte, 2+2+2+4)...) // comment, disk, attributes
		b = le.AppendUint32(b, uint32(m.off-localSize-int64(len(m.Name))))
		b = append(b, m.Name...)
	}
	size := len(b)
	b = le.AppendUint32(b, endMagic)
	b = append(b, 0, 0, 0, 0)
	b = le.AppendUint16(b, uint16(len(members)))
	b = le.AppendUint16(b, uint16(len(members)))
	b = le.AppendUint32(b, uint32(size))
	b = le.AppendUint32(b, uint32(off))
	return append(b, 0, 0)
}

// Find returns the member of a name, nil when there is none.
func (b *Bundle) Find(name string) *Member {
	i, ok := searchMembers(b.Members, name)
	if !ok {
		return nil
	}
	return &b.Members[i]
}

// Content is a member's content as it stands there; Read checks it.
func (b *Bundle) Content(m *Member) *io.SectionReader {
	return io.NewSectionReader(b.r, m.off, m.Size)
}

// Read reads a member of at most limit bytes and checks its CRC-32.
func (b *Bundle) Read(name string, limit int64) ([]byte, error) {
	m := b.Find(name)
	if m == nil {
		return nil, refuseMember(name, "%w", ErrMissing)
	}
	if m.Size > limit {
		return nil, refuseMember(name, "%d bytes, at most %d are read", m.Size, limit)
	}
	content := make([]byte, m.Size)
	if _, err := b.r.ReadAt(content, m.off); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if sum := crc32.ChecksumIEEE(content); sum != m.crc {
		return nil, refuseMember(name, "crc32 %08x, expected %08x", sum, m.crc)
	}
	return content, nil
}
