package insn

import (
	"fmt"
	"strings"
	"sync"
)

// What the decoder does with a row of MIPS.
const (
	mipsBad   uint8 = iota
	mipsPlain       // writes no general register
	mipsRd          // writes bits 11 to 15
	mipsRt          // writes bits 16 to 20
	mipsAdd         // Rd = Rs + Rt
	mipsOr          // Rd = Rs or Rt
	mipsAddConstant
	mipsUpper // LUI
	mipsLoad  // of Rt, from Rs + constant
	mipsLoadAddress
	mipsStore // the same of memory, and of other registers
	mipsStoreAddress
	mipsBranch
	mipsBranchCall
	mipsJump
	mipsCall
	mipsCallOther // JALX, which changes the set
	mipsIndirectJump
	mipsIndirectCall
	mipsReturn
	mipsStop
)

// mipsTable and mips64Table are MIPS32 and MIPS64 up to release 5 (MIPS
// Architecture for Programmers, volumes I-A and II-A). They differ in what
// loads an address.
var (
	mipsTable   = sync.OnceValue(func() *table { return newMIPSTable(false) })
	mips64Table = sync.OnceValue(func() *table { return newMIPSTable(true) })
)

func newMIPSTable(wide bool) *table {
	var rows []row
	add := func(kind uint8, bits, names string) { rows = append(rows, rowsOf(kind, bits, names)...) }
	word, double := mipsLoadAddress, mipsLoad
	storeWord, storeDouble := mipsStoreAddress, mipsStore
	if wide {
		word, double, storeWord, storeDouble = double, word, storeDouble, storeWord
	}
	// By the operation in the upper bits.
	add(mipsJump, "000010", "j")
	add(mipsCall, "000011", "jal")
	add(mipsCallOther, "011101", "jalx")
	add(mipsBranch, "0001**", "beq bne blez bgtz")
	add(mipsBranch, "0101**", "beql bnel blezl bgtzl")
	add(mipsRt, "001***", "addi - slti sltiu andi ori xori -")
	add(mipsAddConstant, "001001", "addiu")
	add(mipsUpper, "00111100000", "lui")
	add(mipsRt, "011000", "daddi")
	add(mipsAddConstant, "011001", "daddiu")
	add(mipsLoad, "01101*", "ldl ldr")
	add(mipsLoad, "100***", "lb lh lwl - lbu lhu lwr lwu")
	add(word, "100011", "lw")
	add(mipsStore, "101***", "sb sh swl - sdl sdr swr cache")
	add(storeWord, "101011", "sw")
	add(mipsLoad, "110***", "ll - - - lld")
	add(mipsStore, "110***", "- lwc1 lwc2 pref - ldc1 ldc2")
	add(double, "110111", "ld")
	add(mipsLoad, "111***", "sc - - - scd")
	add(mipsStore, "111***", "- swc1 swc2 - - sdc1 sdc2")
	add(storeDouble, "111111", "sd")

	// SPECIAL.
	add(mipsPlain, "00000000000000000000000000000000", "nop")
	add(mipsRd, "000000 ..... ...00 ..... ..... 000001", "movf")
	add(mipsRd, "000000 ..... ...01 ..... ..... 000001", "movt")
	add(mipsRd, "000000 0000* ............... 000010", "srl rotr")
	add(mipsRd, "000000 .......... ..... 0000* 000110", "srlv rotrv")
	add(mipsRd, "000000 0000* ............... 111010", "dsrl drotr")
	add(mipsRd, "000000 0000* ............... 111110", "dsrl32 drotr32")
	add(mipsRd, "000000 .......... ..... 0000* 010110", "dsrlv drotrv")
	add(mipsIndirectJump, "000000 ..... 0000000000.0... 001000", "jr")
	add(mipsIndirectJump, "000000 ..... 00000000001.... 001000", "jr.hb")
	add(mipsIndirectCall, "000000 ..... 00000.....1.... 001001", "jalr.hb")
	add(mipsIndirectCall, "000000 .................... 001001", "jalr")
	add(mipsStop, "000000 .................... 001101", "break")
	add(mipsStop, "000000 0000000000.......... 110100", "teq") // of zero and zero
	add(mipsAdd, "000000 .......... ..... 00000 100001", "addu")
	add(mipsAdd, "000000 .......... ..... 00000 101101", "daddu")
	add(mipsOr, "000000 .......... ..... 00000 100101", "or")
	add(mipsRd, "000000 .................... ******", "sll - - sra sllv - - srav - - movz movn - - - - "+
		"mfhi - mflo - dsllv - - dsrav - - - - - - - - add - sub subu and - xor nor - - slt sltu dadd - dsub dsubu "+
		"- - - - - - - - dsll - - dsra dsll32 - - dsra32")
	add(mipsPlain, "000000 .................... ******", "- - - - - - - - - - - - syscall - - sync - mthi - mtlo - - - - mult multu div divu dmult dmultu ddiv ddivu "+
		"- - - - - - - - - - - - - - - - tge tgeu tlt tltu teq - tne")

	// REGIMM.
	add(mipsBranch, "000001 ..... 000**", "bltz bgez bltzl bgezl")
	add(mipsPlain, "000001 ..... 01***", "tgei tgeiu tlti tltiu teqi - tnei")
	add(mipsBranchCall, "000001 ..... 100**", "bltzal bgezal bltzall bgezall")
	add(mipsPlain, "000001 ..... 11111", "synci")

	// SPECIAL2 and SPECIAL3.
	add(mipsPlain, "011100 .................... 000***", "madd maddu - - msub msubu")
	add(mipsRd, "011100 .................... 000010", "mul")
	add(mipsRd, "011100 .................... 100***", "clz clo - - dclz dclo")
	add(mipsStop, "011100 .................... 111111", "sdbbp")
	add(mipsRt, "011111 .................... 000***", "ext dextm dextu dext ins dinsm dinsu dins")
	add(mipsRd, "011111 ............... 00010 100000", "wsbh")
	add(mipsRd, "011111 ............... 1*000 100000", "seb seh")
	add(mipsRd, "011111 ............... 00010 100100", "dsbh")
	add(mipsRd, "011111 ............... 00101 100100", "dshd")
	add(mipsRt, "011111 .................... 111011", "rdhwr")
	add(mipsRd, "011111 ............... ***** 001010", "lwx - - - lhx - lbux - ldx")

	// Coprocessors.
	add(mipsRt, "010000 0000*", "mfc0 dmfc0")
	add(mipsPlain, "010000 0010*", "mtc0 dmtc0")
	add(mipsRt, "010000 01011 ............... *.....", "di ei")
	add(mipsPlain, "010000 1................... 00****", "- tlbr tlbwi - - - tlbwr - tlbp")
	add(mipsReturn, "010000 1................... 011000", "eret")
	add(mipsReturn, "010000 1................... 011111", "deret")
	add(mipsPlain, "010000 1................... 100000", "wait")
	add(mipsRt, "010001 000**", "mfc1 dmfc1 cfc1 mfhc1")
	add(mipsPlain, "010001 001**", "mtc1 dmtc1 ctc1 mthc1")
	add(mipsBranch, "010001 01000 ... **", "bc1f bc1t bc1fl bc1tl")
	add(mipsBranch, "010010 01000 ... **", "bc2f bc2t bc2fl bc2tl")
	add(mipsRt, "010010 000**", "mfc2 dmfc2 cfc2 mfhc2")
	add(mipsPlain, "010010 001**", "mtc2 dmtc2 ctc2 mthc2")
	add(mipsPlain, "010010 1", "cop2")
	for i, format := range []string{"s", "d", "w", "l", "ps"} {
		first := "010001 " + []string{"10000", "10001", "10100", "10101", "10110"}[i]
		bits := first + " ............... "
		all := func(names string) string { // with the format behind each name
			fields := strings.Fields(names)
			for k := range fields {
				if fields[k] != "-" {
					fields[k] += "." + format
				}
			}
			return strings.Join(fields, " ")
		}
		add(mipsPlain, bits+"0*****", all("add sub mul div sqrt abs mov neg round.l trunc.l ceil.l floor.l round.w trunc.w ceil.w floor.w - - movz movn - recip rsqrt"))
		add(mipsPlain, first+" ...0* .......... 010001", all("movf movt"))
		add(mipsPlain, bits+"100***", all("cvt.s cvt.d - - cvt.w cvt.l cvt.ps"))
		add(mipsPlain, bits+"11****", all("c.f c.un c.eq c.ueq c.olt c.ult c.ole c.ule c.sf c.ngle c.seq c.ngl c.lt c.nge c.le c.ngt"))
	}
	add(mipsPlain, "010011 .................... 00****", "lwxc1 ldxc1 - - - luxc1 - - swxc1 sdxc1 - - - suxc1 - prefx")
	for i, format := range []string{"s", "d", "-", "-", "-", "-", "ps"} {
		if format != "-" {
			add(mipsPlain, fmt.Sprintf("010011 .................... 1**%03b", i), "madd."+format+" msub."+format+" nmadd."+format+" nmsub."+format)
		}
	}
	return newTable(rows, 32, group{31, 26, 6}, group{5, 0, 0})
}
