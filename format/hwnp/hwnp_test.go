package hwnp

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// pack writes a package the way the public tools do, with the length in the
// given byte order and the header's length in the old or new counting.
func pack(order binary.ByteOrder, old bool, contents map[string][]byte, names ...string) []byte {
	products := make([]byte, 256)
	copy(products, "001|002|;COMMON|")
	le := binary.LittleEndian
	var table, data []byte
	start := headerLen + len(products) + itemLen*len(names)
	for i, name := range names {
		it := make([]byte, itemLen)
		content := contents[name]
		le.PutUint32(it, uint32(i))
		le.PutUint32(it[4:], crc32.ChecksumIEEE(content))
		le.PutUint32(it[8:], uint32(start+len(data)))
		le.PutUint32(it[12:], uint32(len(content)))
		copy(it[16:], name)
		copy(it[272:], "SECTION")
		table, data = append(table, it...), append(data, content...)
	}
	b := append(append(append(make([]byte, headerLen), products...), table...), data...)
	copy(b, "HWNP")
	order.PutUint32(b[4:], uint32(len(b)-lenBias))
	n := start
	if old {
		n -= headerLen
	}
	le.PutUint32(b[12:], uint32(n))
	le.PutUint32(b[20:], uint32(len(names)))
	le.PutUint16(b[26:], uint16(len(products)))
	le.PutUint32(b[28:], itemLen)
	le.PutUint32(b[16:], crc32.ChecksumIEEE(b[0x14:start]))
	le.PutUint32(b[8:], crc32.ChecksumIEEE(b[0x0C:]))
	return b
}

func TestRoundTrip(t *testing.T) {
	contents := map[string][]byte{
		"file:/var/UpgradeCheck.xml": []byte("<upgradecheck/>"),
		"flash:rootfs":               bytes.Repeat([]byte("rootfs "), 1000),
		"flash:../../up":             []byte("a name is data"),
		"flash:empty":                nil,
	}
	names := []string{"file:/var/UpgradeCheck.xml", "flash:rootfs", "flash:../../up", "flash:empty"}
	for _, order := range []binary.ByteOrder{binary.BigEndian, binary.LittleEndian} {
		for _, old := range []bool{false, true} {
			b := pack(order, old, contents, names...)
			res := testkit.Run(Format, append(b[:len(b):len(b)], "behind it"...), 1<<20)
			if res.Err != nil || res.End != int64(len(b)) || res.Claim.Confidence != wardein.Certain || len(res.Gaps) != 0 {
				t.Fatalf("%v old %v:\n%v", order, old, res)
			}
			for i, name := range names {
				if m := res.Members[i]; m.Name != name || !bytes.Equal(m.Data, contents[name]) {
					t.Errorf("member %d: %q", i, m.Name)
				}
			}
		}
	}
}

func BenchmarkExtract(b *testing.B) {
	data := pack(binary.BigEndian, false, map[string][]byte{"flash:rootfs": bytes.Repeat([]byte("0123456789abcdef"), 1<<18)}, "flash:rootfs")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if res := testkit.Run(Format, data, 64<<20); res.Err != nil {
			b.Fatal(res.Err)
		}
	}
}
