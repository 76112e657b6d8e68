package prove

import (
	"bufio"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/wardein/wardein/internal/durable"
)

func searchMembers(members []Member, name string) (int, bool) {
	return slices.BinarySearchFunc(members, name, func(m Member, name string) int { return strings.Compare(m.Name, name) })
}

// part is a member to be written.
type part struct {
	Member
	content io.ReaderAt
}

func partOf(name string, content []byte) part {
	return part{Member{Name: name, Size: int64(len(content)), crc: crc32.ChecksumIEEE(content)}, bytes.NewReader(content)}
}

// write writes a bundle of parts sorted by name. What they hold must still be
// what their sums were taken of.
func write(w io.Writer, parts []part) error {
	out := bufio.NewWriterSize(w, 1<<16)
	members := make([]Member, len(parts))
	off := int64(0)
	for i := range parts {
		p := &parts[i]
		m := &members[i]
		*m = p.Member
		m.off = off + localSize + int64(len(m.Name))
		if !validName(m.Name) || i > 0 && members[i-1].Name >= m.Name {
			return fmt.Errorf("member %q cannot be in a bundle", m.Name)
		}
		off = m.off + m.Size
		if _, err := out.Write(local(nil, m)); err != nil {
			return err
		}
		sum := crc32.NewIEEE()
		n, err := io.Copy(io.MultiWriter(out, sum), io.NewSectionReader(p.content, 0, m.Size))
		if err != nil {
			return err
		}
		if n != m.Size || sum.Sum32() != m.crc {
			return fmt.Errorf("%s changed while it was read", m.Name)
		}
	}
	dir := directory(members, off)
	if total := off + int64(len(dir)); total > maxSize || len(parts) > maxMembers {
		return fmt.Errorf("a bundle of %d bytes and %d members, at most %d and %d", total, len(parts), int64(maxSize), maxMembers)
	}
	if _, err := out.Write(dir); err != nil {
		return err
	}
	return out.Flush()
}

// Attach copies the bundle in to out with one more member, or another content
// of it: log.tlog-proof, counter/X.dsse.json or counter/X.tlog-proof. in and
// out may be one file. It is replaced at once or not at all, and is on disk
// when Attach returns.
func Attach(in, out, name string, content []byte) error {
	if name != ProofName && !counterName(name) {
		return fmt.Errorf("member %q cannot be attached: the statement binds all but %s and %s", name, ProofName, counterFolder)
	}
	f, err := os.Open(in)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	b, err := Open(f, st.Size())
	if err != nil {
		return err
	}
	parts := make([]part, len(b.Members), len(b.Members)+1)
	for i := range b.Members {
		parts[i] = part{b.Members[i], b.Content(&b.Members[i])}
	}
	i, found := searchMembers(b.Members, name)
	if found {
		parts[i] = partOf(name, content)
	} else {
		parts = slices.Insert(parts, i, partOf(name, content))
	}
	return durable.Write(out, st.Mode().Perm(), func(w io.Writer) error { return write(w, parts) })
}

// counterName tells whether a name is that of a counter statement or of its
// proof.
func counterName(name string) bool {
	rest, ok := strings.CutPrefix(name, counterFolder)
	id, end, _ := strings.Cut(rest, ".")
	return ok && len(id) == 16 && strings.Trim(id, "0123456789abcdef") == "" && (end == "dsse.json" || end == "tlog-proof")
}
