package insn

import (
	"fmt"
	"strings"
	"sync"
)

// What the decoder does with a row of A64. Where nothing else is said Rd or Rt
// is bits 0 to 4, Rn bits 5 to 9.
const (
	a64Bad   uint8 = iota
	a64Plain       // writes no general register
	a64Rd          // writes Rd
	a64Rs          // writes bits 16 to 20
	a64RsRt        // writes those and Rt
	a64Rt2         // writes Rt and bits 10 to 14
	a64ADR
	a64ADRP
	a64Add   // Rd = Rn + constant
	a64Sub   // Rd = Rn - constant
	a64Or    // Rd = Rn or Rm; Rn 31 is 0
	a64Load  // of Rt, from Rn + unsigned constant
	a64Store // the same of what is no general register, and back
	a64LoadNear
	a64StoreNear // constant of nine bits, signed
	a64LoadPair
	a64StorePair
	a64LoadBack // writes Rt and Rn
	a64StoreBack
	a64PairBack
	a64Literal // into Rt
	a64LiteralPlain
	a64Jump
	a64Branch19
	a64Branch14
	a64Call
	a64IndirectJump
	a64IndirectCall
	a64Return
	a64Stop
)

// aarch64Table is A64 by the Arm Architecture Reference Manual for A-profile,
// C4.1 and C6.2. Mnemonics are those without aliases.
var aarch64Table = sync.OnceValue(func() *table {
	rows := []row{
		{"udf", a64Stop, "0000000000000000"},
		{"adr", a64ADR, "0..10000"},
		{"adrp", a64ADRP, "1..10000"},
		{"add", a64Add, "100100010"},
		{"sub", a64Sub, "110100010"},
		{"add", a64Rd, "000100010"},
		{"sub", a64Rd, "010100010"},
		{"adds", a64Rd, ".01100010"},
		{"subs", a64Rd, ".11100010"},
		{"and", a64Rd, ".00100100"},
		{"orr", a64Rd, ".01100100"},
		{"eor", a64Rd, ".10100100"},
		{"ands", a64Rd, ".11100100"},
		{"movn", a64Rd, ".00100101"},
		{"movz", a64Rd, ".10100101"},
		{"movk", a64Rd, ".11100101"},
		{"sbfm", a64Rd, ".00100110"},
		{"bfm", a64Rd, ".01100110"},
		{"ubfm", a64Rd, ".10100110"},
		{"extr", a64Rd, ".00100111"},

		{"b", a64Jump, "000101"},
		{"bl", a64Call, "100101"},
		{"cbz", a64Branch19, ".0110100"},
		{"cbnz", a64Branch19, ".0110101"},
		{"tbz", a64Branch14, ".0110110"},
		{"tbnz", a64Branch14, ".0110111"},
		{"b.", a64Branch19, "01010100 ................... 0"},
		{"bc.", a64Branch19, "01010100 ................... 1"},
		{"svc", a64Plain, "11010100000 ................ 00001"},
		{"hvc", a64Plain, "11010100000 ................ 00010"},
		{"smc", a64Plain, "11010100000 ................ 00011"},
		{"brk", a64Stop, "11010100001 ................ 00000"},
		{"hlt", a64Plain, "11010100010 ................ 00000"},
		{"nop", a64Plain, "11010101000000110010000000011111"},
		{"hint", a64Plain, "11010101000000110010.......11111"},
		{"clrex", a64Plain, "11010101000000110011....01011111"},
		{"dsb", a64Plain, "11010101000000110011....10011111"},
		{"dmb", a64Plain, "11010101000000110011....10111111"},
		{"isb", a64Plain, "11010101000000110011....11011111"},
		{"sb", a64Plain, "11010101000000110011....11111111"},
		{"msr", a64Plain, "1101010100000...0100.......11111"},
		{"sys", a64Plain, "1101010100001"},
		{"sysl", a64Rd, "1101010100101"},
		{"msr", a64Plain, "110101010001"},
		{"mrs", a64Rd, "110101010011"},
		{"br", a64IndirectJump, "1101011000011111000000.....00000"},
		{"blr", a64IndirectCall, "1101011000111111000000.....00000"},
		{"ret", a64Return, "1101011001011111000000.....00000"},
		{"eret", a64Return, "1101011010011111000000.....00000"},
		{"braa", a64IndirectJump, "1101011.00011111000010"},
		{"brab", a64IndirectJump, "1101011.00011111000011"},
		{"blraa", a64IndirectCall, "1101011.00111111000010"},
		{"blrab", a64IndirectCall, "1101011.00111111000011"},
		{"retaa", a64Return, "1101011001011111000010"},
		{"retab", a64Return, "1101011001011111000011"},

		{"and", a64Rd, ".0001010..0"},
		{"bic", a64Rd, ".0001010..1"},
		{"orr", a64Or, "10101010000.....000000"},
		{"orr", a64Rd, ".0101010..0"},
		{"orn", a64Rd, ".0101010..1"},
		{"eor", a64Rd, ".1001010..0"},
		{"eon", a64Rd, ".1001010..1"},
		{"ands", a64Rd, ".1101010..0"},
		{"bics", a64Rd, ".1101010..1"},
		{"add", a64Rd, ".0001011..0"},
		{"adds", a64Rd, ".0101011..0"},
		{"sub", a64Rd, ".1001011..0"},
		{"subs", a64Rd, ".1101011..0"},
		{"add", a64Rd, ".0001011001"},
		{"adds", a64Rd, ".0101011001"},
		{"sub", a64Rd, ".1001011001"},
		{"subs", a64Rd, ".1101011001"},
		{"adc", a64Rd, ".0011010000.....000000"},
		{"adcs", a64Rd, ".0111010000.....000000"},
		{"sbc", a64Rd, ".1011010000.....000000"},
		{"sbcs", a64Rd, ".1111010000.....000000"},
		{"rmif", a64Plain, "10111010000......00001"},
		{"setf8", a64Plain, "0011101000000000000010"},
		{"setf16", a64Plain, "0011101000000000010010"},
		{"ccmn", a64Plain, ".0111010010..........0.....0"},
		{"ccmp", a64Plain, ".1111010010..........0.....0"},
		{"csel", a64Rd, ".0011010100.........00"},
		{"csinc", a64Rd, ".0011010100.........01"},
		{"csinv", a64Rd, ".1011010100.........00"},
		{"csneg", a64Rd, ".1011010100.........01"},
		{"madd", a64Rd, ".0011011000.....0"},
		{"msub", a64Rd, ".0011011000.....1"},
		{"smaddl", a64Rd, "10011011001.....0"},
		{"smsubl", a64Rd, "10011011001.....1"},
		{"smulh", a64Rd, "10011011010.....0"},
		{"umaddl", a64Rd, "10011011101.....0"},
		{"umsubl", a64Rd, "10011011101.....1"},
		{"umulh", a64Rd, "10011011110.....0"},

		{"ldr", a64Literal, "0.011000"},
		{"ldrsw", a64Literal, "10011000"},
		{"prfm", a64LiteralPlain, "11011000"},
		{"ldr", a64LiteralPlain, "0.011100"},
		{"ldr", a64LiteralPlain, "10011100"},
		{"stnp", a64StorePair, "..101.0000"},
		{"ldnp", a64LoadPair, "..10100001"},
		{"ldnp", a64StorePair, "..10110001"},
		{"stgp", a64Plain, "0110100..0"},
		{"ldpsw", a64LoadPair, "0110100101"},
		{"ldpsw", a64PairBack, "0110100.11"},
		{"stp", a64StorePair, "..101.0100"},
		{"ldp", a64LoadPair, "..10100101"},
		{"ldp", a64StorePair, "..10110101"},
		{"stp", a64PairBack, "..10100.10"},
		{"stp", a64StoreBack, "..10110.10"},
		{"ldp", a64PairBack, "..10100.11"},
		{"ldp", a64StoreBack, "..10110.11"},
		{"ldraa", a64Rd, "111110000.1.........01"},
		{"ldraa", a64LoadBack, "111110000.1.........11"},
		{"ldrab", a64Rd, "111110001.1.........01"},
		{"ldrab", a64LoadBack, "111110001.1.........11"},

		{"addg", a64Rd, "1001000110"},
		{"subg", a64Rd, "1101000110"},
		{"subp", a64Rd, "10011010110.....000000"},
		{"subps", a64Rd, "10111010110.....000000"},
		{"irg", a64Rd, "10011010110.....000100"},
		{"gmi", a64Rd, "10011010110.....000101"},
		{"pacga", a64Rd, "10011010110.....001100"},
		{"pac", a64Rd, "110110101100000100"},
	}
	add := func(kind uint8, bits string, names string) { rows = append(rows, rowsOf(kind, bits, names)...) }
	add(a64Rd, ".0011010110.....******", "- - udiv sdiv - - - - lslv lsrv asrv rorv - - - - crc32b crc32h crc32w crc32x crc32cb crc32ch crc32cw crc32cx "+
		"smax umax smin umin")
	add(a64Rd, ".101101011000000000***", "rbit rev16 rev rev clz cls ctz cnt")
	add(a64Rd, ".101101011000000001000", "abs")

	// Loads and stores: size, of vectors, operation.
	for _, r := range []struct {
		size, vector, op, name string
		kind                   uint8
	}{
		{"00", "0", "00", "strb", a64Store}, {"00", "0", "01", "ldrb", a64Load}, {"00", "0", "1.", "ldrsb", a64Load},
		{"01", "0", "00", "strh", a64Store}, {"01", "0", "01", "ldrh", a64Load}, {"01", "0", "1.", "ldrsh", a64Load},
		{"10", "0", "00", "str", a64Store}, {"10", "0", "01", "ldr", a64Load}, {"10", "0", "10", "ldrsw", a64Load},
		{"11", "0", "00", "str", a64Store}, {"11", "0", "01", "ldr", a64Load}, {"11", "0", "10", "prfm", a64Store},
		{"..", "1", "00", "str", a64Store}, {"..", "1", "01", "ldr", a64Store},
		{"00", "1", "10", "str", a64Store}, {"00", "1", "11", "ldr", a64Store},
	} {
		written, near, back := a64Plain, a64StoreNear, a64StoreBack
		if r.kind == a64Load {
			written, near, back = a64Rd, a64LoadNear, a64LoadBack
		}
		other := func(with string) string { return r.name[:2] + with + r.name[2:] }
		if r.name == "prfm" {
			other = func(string) string { return "prfum" }
		}
		old := r.size + "111" + r.vector + "00" + r.op
		rows = append(rows,
			row{r.name, r.kind, r.size + "111" + r.vector + "01" + r.op},
			row{other("u"), near, old + "0.........00"},
			row{r.name, back, old + "0..........1"},
			row{other("t"), near, old + "0.........10"},
			row{r.name, written, old + "1.........10"})
	}
	// Exclusive loads and stores, and those in order.
	for i, size := range []string{"b", "h", "", ""} {
		bits := fmt.Sprintf("%02b", i)
		exclusive := func(kind uint8, rest string, names string) {
			for k, name := range strings.Fields(names) {
				rows = append(rows, row{name + size, kind, strings.Replace(bits+rest, "*", string(rune('0'+k)), 1)})
			}
		}
		exclusive(a64Rs, "001000000.....*", "stxr stlxr")
		exclusive(a64Rd, "001000010.....*", "ldxr ldaxr")
		exclusive(a64Plain, "001000100.....*", "stllr stlr")
		exclusive(a64Rd, "001000110.....*", "ldlar ldar")
		exclusive(a64Rs, "001000101.....*", "cas casl")
		exclusive(a64Rs, "001000111.....*", "casa casal")
		exclusive(a64Rd, "1110001.1.....110000", "ldapr")
		for k, order := range []string{"", "l", "a", "al"} {
			for j, name := range []string{"ldadd", "ldclr", "ldeor", "ldset", "ldsmax", "ldsmin", "ldumax", "ldumin", "swp"} {
				rows = append(rows, row{name + order + size, a64Rd, bits + "111000" + fmt.Sprintf("%02b", k) + "1....." + fmt.Sprintf("%04b", j) + "00"})
			}
		}
	}
	add(a64Rs, "1.001000001.....*", "stxp stlxp")
	add(a64Rt2, "1.001000011.....*", "ldxp ldaxp")
	add(a64RsRt, "0.001000001.....*", "casp caspl")
	add(a64RsRt, "0.001000011.....*", "caspa caspal")
	rows = append(rows, aarch64Vector()...)
	rows = append(rows, row{"ldst", a64Rd, "....1.0"}, row{"dp", a64Rd, "...1101"}, row{"dp", a64Rd, "...100"}, row{"sve", a64Rd, "...0010"})
	return newTable(rows, 32, group{31, 21, 1}, group{10, 10, 0})
})

// rowsOf gives a row for each name; the stars of bits count them. "-" leaves one out.
func rowsOf(kind uint8, bits string, names string) []row {
	n := strings.Count(bits, "*")
	var rows []row
	for i, name := range strings.Fields(names) {
		if name == "-" {
			continue
		}
		number, k := fmt.Sprintf("%0*b", n, i), 0
		rows = append(rows, row{name, kind, strings.Map(func(c rune) rune {
			if c == '*' {
				k++
				return rune(number[k-1])
			}
			return c
		}, bits)})
	}
	return rows
}
