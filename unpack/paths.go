package unpack

import (
	"strconv"
	"strings"

	"github.com/wardein/wardein/internal/flat"
)

// names gives the members of one container their paths, so that each path of
// a tree is one node's and a path tells which. Beside "name" and "name#2" there
// are two more cases:
//
//   - A name that itself ends in "#2" is written "name#2#1": the last "#n" of a
//     component, where there is one, is always the engine's.
//   - In a container of a file "a" and a file "a/b", the members of "a" would be
//     called like the second. The folder that the second stands in is therefore
//     told apart from the file as two members of one name are: "a#2/b".
//
// Names are remembered as 64-bit sums. Two names of one sum are numbered as if
// they were one, which costs nothing but looks.
type names struct {
	seen flat.Map[[8]byte, uint32] // how often a name occurred, and isFile, isFolder
	also map[uint64]uint32         // the number of a folder that is not the first of its name, and isImplied
	// Neighbours stand in one folder mostly: dir is the last one, as found and
	// as written.
	dir, path string
}

// Marks in names.seen: the path without a number is a file's, or a folder's,
// listed or implied by longer names. Mark in names.also: not listed yet.
const (
	isFile    = 1 << 31
	isFolder  = 1 << 30
	isImplied = 1 << 31
	countOf   = isFolder - 1
)

func (n *names) count(sum uint64) uint32 {
	v, _ := n.seen.Get(flat.Sum(sum))
	return v
}

func (n *names) mark(sum uint64, v uint32) { n.seen.Put(flat.Sum(sum), v) }

// FNV-1a.
const (
	sumStart = 14695981039346656037
	sumPrime = 1099511628211
)

func sumName(s string) uint64 {
	sum := uint64(sumStart)
	for i := range len(s) {
		sum = (sum ^ uint64(s[i])) * sumPrime
	}
	return sum
}

// next returns the path, in its container, of the next member.
func (n *names) next(name string, content, folder bool) string {
	name = cleanName(name)
	dir, last, i := "", name, strings.LastIndexByte(name, '/')
	if i >= 0 {
		dir, last = n.folder(name[:i]), name[i+1:]
	}
	sum := sumName(name)
	k := n.also[sum]
	if folder && k&isImplied != 0 { // listed behind what is in it
		k &= countOf
		n.also[sum] = k
	} else {
		v := n.count(sum) + 1
		if content && v == isFolder+1 {
			v++ // the folder is the first of this name
		}
		k = v & countOf
		switch {
		case content && k == 1:
			v |= isFile
		case folder && k == 1:
			v |= isFolder
		case folder && v&isFolder == 0 && n.also[sum] == 0:
			n.number(sum, k)
		}
		n.mark(sum, v)
	}
	at := numbered(last, k)
	switch {
	case i < 0:
		return at
	case dir == name[:i] && at == last:
		return name
	}
	return dir + "/" + at
}

// folder returns the path of a folder that a member's name begins with.
func (n *names) folder(dir string) string {
	if dir == n.dir && n.path != "" {
		return n.path
	}
	var b strings.Builder
	sum, from := uint64(sumStart), 0
	for i := 0; i <= len(dir); i++ {
		if i < len(dir) && dir[i] != '/' {
			sum = (sum ^ uint64(dir[i])) * sumPrime
			continue
		}
		k, v := n.also[sum]&countOf, n.count(sum)
		switch {
		case k > 0:
		case v&isFile != 0:
			n.mark(sum, v+1)
			k = (v + 1) & countOf
			n.number(sum, k|isImplied)
		default:
			k = 1
			if v&isFolder == 0 {
				n.mark(sum, v|isFolder)
			}
		}
		b.WriteString(numbered(dir[from:i], k))
		if i < len(dir) {
			b.WriteByte('/')
			sum = (sum ^ '/') * sumPrime
			from = i + 1
		}
	}
	n.dir, n.path = strings.Clone(dir), b.String()
	return n.path
}

func (n *names) number(sum uint64, k uint32) {
	if n.also == nil {
		n.also = map[uint64]uint32{}
	}
	n.also[sum] = k
}

// numbered writes the k-th component of that name.
func numbered(name string, k uint32) string {
	if k == 1 {
		digits := len(name)
		for digits > 0 && '0' <= name[digits-1] && name[digits-1] <= '9' {
			digits--
		}
		if digits == len(name) || digits == 0 || name[digits-1] != '#' {
			return name
		}
	}
	return name + "#" + strconv.FormatUint(uint64(k), 10)
}

// cleanName is the form of a member's name that stands in a path: without the
// leading "/" and "./" that archives write. The name itself stays as found.
func cleanName(name string) string {
	for {
		switch {
		case strings.HasPrefix(name, "/"):
			name = name[1:]
		case strings.HasPrefix(name, "./"):
			name = name[2:]
		case name == "." || name == "":
			return "."
		default:
			return strings.TrimRight(name, "/")
		}
	}
}

func joinPath(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "/" + name
}
