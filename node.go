package wardein

import (
	"encoding/hex"
	"fmt"
)

// Digest is the SHA-256 of a blob and its identity.
type Digest [32]byte

// String returns the digest in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText is String, for encoding/json.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is ParseDigest, for encoding/json.
func (d *Digest) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDigest(string(b))
	return err
}

// ParseDigest reads what Digest.String wrote.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) != 2*len(d) {
		return d, fmt.Errorf("digest %q: want %d hexadecimal digits", s, 2*len(d))
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return d, fmt.Errorf("digest %q: %w", s, err)
	}
	return d, nil
}

// An Extent is a run of a container's bytes. Off is a byte offset into the
// container, or Zeros or Ones for a run that stands nowhere and reads as
// repeated 0x00 or 0xFF.
type Extent struct{ Off, Len int64 }

// Values of Extent.Off for runs that have no place in the container.
const (
	Zeros = -1 // a hole: reads as 0x00
	Ones  = -2 // erased flash: reads as 0xFF
)

// Kind is the type of a node in the tree.
type Kind uint8

// The kinds of nodes. Region is a part of its parent's bytes that a format
// claimed; the others are what a container calls its members.
const (
	File Kind = iota
	Directory
	Symlink
	HardLink
	CharDevice
	BlockDevice
	FIFO
	Socket
	Region
)

var kindNames = [...]string{"file", "directory", "symlink", "hardlink", "char-device", "block-device", "fifo", "socket", "region"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// Entry is what a container says about one member, as found: nothing is
// cleaned, resolved or repaired.
type Entry struct {
	// Name is the member's path inside the container, components separated by
	// '/', in the bytes found there. It is data, never a host path: "..", an
	// absolute name and bytes that are not UTF-8 are all kept.
	Name string
	Kind Kind
	// Mode holds the permission, set-uid, set-gid and sticky bits (07777).
	// Zero where the container records none.
	Mode     uint32
	UID, GID uint32
	// MTime is in seconds since 1970-01-01 UTC, 0 where none is recorded.
	MTime int64
	// Major and Minor are the device number of a CharDevice or BlockDevice.
	Major, Minor uint32
	// Target is the verbatim target of a Symlink, or the path inside the same
	// container of the member that a HardLink names.
	Target string
	Xattrs []Xattr
}

// Xattr is one extended attribute, name with its prefix ("security.capability").
type Xattr struct{ Name, Value string }

// What says how far a run of bytes was understood.
type What uint8

// A byte is Known when a format opened it: it is metadata that was parsed or
// payload that became a member. It is Opaque when it was recognised but not
// opened (encrypted, unsupported, bitstream), Padding when it is a run of one
// repeated byte, 0x00 or 0xFF, between other things, and Unknown otherwise.
const (
	Unknown What = iota
	Padding
	Known
	Opaque
)

var whatNames = [...]string{"unknown", "padding", "known", "opaque"}

func (w What) String() string {
	if int(w) < len(whatNames) {
		return whatNames[w]
	}
	return fmt.Sprintf("what-%d", uint8(w))
}

// A Span is a run of a node's bytes with what is known of them. The spans of a
// node tile it: sorted, no overlap, no hole.
type Span struct {
	Off, Len int64
	What     What
	// Format is the name of the format that claimed the bytes, "" for none.
	// A format leaves it empty; the engine fills it in.
	Format string
	// Is names the bytes in the specification's words: "superblock", "inode
	// table", "payload". For Unknown bytes the engine puts the entropy class
	// here: "text", "code-like", "low entropy", "high entropy".
	Is string
	// Code is the processor architecture ("arm", "mips", "x86-64", …) when
	// the bytes are executable code, "" otherwise.
	Code string
	// Carve asks the engine to look for other formats' claims inside these
	// bytes (a kernel's data section may hold a cpio archive).
	Carve bool
}

// A Note is a fact about a container that its header states and that is no
// member: an image name, a load address, a board id.
type Note struct{ Name, Value string }

// Node is one entry of the unpacked tree.
type Node struct {
	// Path is the node's full path from the root, "" for the root itself, and
	// no other node's. A name that occurs twice in one container is told apart
	// by a suffix "#2", "#3" in Path, and one that ends so itself by "#1";
	// Entry.Name stays as found.
	Path string
	Entry
	Size int64
	// Blob is the SHA-256 of the content; zero for nodes without content.
	Blob Digest
	// Extents are the runs of the parent container's bytes that the content
	// is (Derived == "") or was decoded from (Derived names the format).
	Extents []Extent
	Derived string
	// Format is the format that opened the content, "" when none did.
	Format string
	Notes  []Note
	Spans  []Span
	Gaps   []Gap
}
