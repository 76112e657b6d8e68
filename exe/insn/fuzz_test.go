package insn_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/wardein/wardein/exe/insn"
)

// fuzz decodes any bytes as functions of a set: every byte is in one
// instruction, the same each time, and what is appended to stands.
func fuzz(f *testing.F, sets []insn.Set, seeds ...[]uint32) {
	for _, words := range seeds {
		var b []byte
		for _, x := range words {
			b = binary.LittleEndian.AppendUint32(b, x)
		}
		f.Add(b, uint64(0x10000), uint64(0x18ff0))
		f.Add(b[:len(b)-1], uint64(0x10002), uint64(0))
	}
	f.Fuzz(func(t *testing.T, code []byte, addr, base uint64) {
		for _, set := range sets {
			for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
				c := insn.Code{Set: set, Order: order, Base: base, Swapped: addr&8 != 0}
				c.Read = func(at uint64, n int) (uint64, bool) {
					return at*0x10001&^0xff | base&0x30000, at&0x11000 == 0x10000 && n <= 8
				}
				list := c.Decode(code, addr, nil)
				whole(t, code, addr, list)
				again := c.Decode(code, addr, make([]insn.Inst, 1))[1:]
				if len(code) > 0 && !slices.Equal(list, again) {
					t.Fatalf("%v, and then %v", list, again)
				}
				c.Read = nil
				whole(t, code, addr, c.Decode(code, addr, list[:0]))
				for _, in := range list {
					if c.Name(in.Op) == "" && in.Flow != insn.Bad && in.Flow != insn.Data {
						t.Fatalf("%#x has no name", in.Word)
					}
				}
			}
		}
	})
}

func FuzzAArch64(f *testing.F) {
	fuzz(f, []insn.Set{insn.AArch64}, []uint32{
		0xa9be7bfd, 0xa90153f3, 0x90000093, 0x91000260, 0xf9000bf3, 0x58000080, 0x94000010, 0xf9400bf3, 0xb9401261, 0x34000060,
		0x36080040, 0xa94153f3, 0xa8c27bfd, 0xd65f03c0, 0x9c000040, 0x18ffffc0,
	})
}

func FuzzARM(f *testing.F) {
	fuzz(f, []insn.Set{insn.ARM}, []uint32{
		0xe92d4010, 0xe59f3020, 0xe08f3003, 0xe59f201c, 0xe7932002, 0xe3540003, 0x979ff104, 0xea000003, 0x10024, 0x10028, 0x10024,
		0xe3010234, 0xe3400001, 0xe8bd8010, 0xed9f0b01, 0xe1c320d8, 0x8, 0x44,
	}, []uint32{0xe28f1004, 0xe7910100, 0xe081f000, 0x8, 0xc, 0xe12fff1e, 0xe12fff1e})
}

func FuzzThumb(f *testing.F) {
	fuzz(f, []insn.Set{insn.Thumb}, []uint32{
		0x4b05b510, 0x447b4a05, 0x2c03589a, 0xe8dfd803, 0x0402f004, 0xbf0c0602, 0x20002001, 0xf240bd10, 0xf2c02034, 0x46000001,
		0xe9d3bf00, 0xf8df2302, 0xa1011004, 0x1020f851, 0x47084401, 0x4, 0x8, 0xb1104770,
	})
}

func FuzzMIPS16(f *testing.F) {
	fuzz(f, []insn.Set{insn.MIPS16}, []uint32{
		0x0b08f000, 0x9a60b203, 0x32406a01, 0xb5044c10, 0x1a00db40, 0x65000008, 0x2403e842, 0x17eb6103, 0xe8a06476, 0xeb40e940,
	})
}

func FuzzMIPS(f *testing.F) {
	fuzz(f, []insn.Set{insn.MIPS, insn.MIPS64}, []uint32{
		0x3c1c0002, 0x279c8000, 0x0399e021, 0x8f998010, 0x27bdffe0, 0xafbc0010, 0x0320f809, 0xafb00018, 0x8fbc0010, 0x8f828018,
		0x24421234, 0x10400003, 0x3c030001, 0x8c631000, 0x04110001, 0x00000000, 0x8fb00018, 0x03e00008, 0x27bd0020,
		0x0000000d, 0xdf998010, 0x64421234, 0x0c004000, 0x74004000, 0x08004000,
	})
}
