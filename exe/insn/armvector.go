package insn

// What decoders of ARM and Thumb do with a row.
const (
	armBad   uint8 = iota
	armPlain       // writes no general register
	armRd          // writes Rd: in A32 bits 12 to 15, in T32 8 to 11, in T16 0 to 2
	armRt          // writes bits 12 to 15; in T16 8 to 10
	armRn          // writes bits 16 to 19
	armTwo         // writes bits 12 to 15, and 16 to 19
	armLong        // writes bits 12 to 15, and 8 to 11
	armMov         // Rd = Rm
	armMovw
	armMovt
	armAdd    // Rd = Rn + constant
	armSub    // Rd = Rn - constant
	armAddReg // Rd = Rn + Rm
	armCompare
	armLoad     // Rt from Rn + constant
	armStore    // the same of what is written to memory or to another register
	armLoadHalf // armLoad with a constant of eight bits in two parts
	armStoreHalf
	armLoadReg  // Rt from Rn + Rm
	armLoadBack // writes Rt and Rn
	armStoreBack
	armPair // LDRD: writes two registers
	armPairStore
	armLoadMany // LDM
	armStoreMany
	armLiteral      // Rt from beside the code
	armLiteralPlain // the same of another register, or of less than a word
	armVectorLoad   // VLDR
	armADR
	armJump
	armBranch
	armCompareBranch // CBZ
	armCall
	armCallOther // BLX, which changes the set
	armIndirectJump
	armIndirectCall
	armTableBytes
	armTableHalves
	armIf // IT
	armStop
)

// armCoprocessorRows are the instructions that A32 and T32 have in common but
// for what stands before: coprocessors, and among them floating point (Arm
// Architecture Reference Manual ARMv7-A, A7.5 to A7.9). Bits are the lower 28.
func armCoprocessorRows(first string) []row {
	var rows []row
	add := func(kind uint8, bits, names string) { rows = append(rows, rowsOf(kind, first+bits, names)...) }
	add(armPlain, "1100010*........101.00.1", "vmov")
	add(armTwo, "11000101........101.00.1", "vmov")
	add(armPlain, "11001..0........101", "vstmia")
	add(armPlain, "11001..1........101", "vldmia")
	add(armPlain, "11010.10........101", "vstmdb")
	add(armPlain, "11010.11........101", "vldmdb")
	add(armStore, "1101..00........101", "vstr")
	add(armVectorLoad, "1101..01........101", "vldr")
	add(armPlain, "11100.**........101..*.0", "vmla vmls vnmls vnmla vmul vnmul vadd vsub")
	add(armPlain, "11101.**........101..*.0", "vdiv vdiv vfnms vfnma vfma vfms vmov")
	add(armPlain, "11101.11****....101.*1.0", "vmov vabs vneg vsqrt vcvtb vcvtt vcvtb vcvtt vcmp vcmpe vcmp vcmpe vrintr vrintz vrintx vcvt "+
		"vcvt vcvt - - vcvt vcvt vcvt vcvt vcvtr vcvt vcvtr vcvt vcvt vcvt vcvt vcvt")
	add(armPlain, "11100000........1010...1", "vmov")
	add(armRt, "11100001........1010...1", "vmov")
	add(armPlain, "11101110........1010...1", "vmsr")
	add(armRt, "11101111........1010...1", "vmrs")
	add(armPlain, "11100..0........1011...1", "vmov")
	add(armPlain, "11101..0........1011...1", "vdup")
	add(armRt, "1110...1........1011...1", "vmov")
	add(armPlain, "11000100", "mcrr")
	add(armTwo, "11000101", "mrrc")
	add(armPlain, "1110...*...............1", "mcr")
	add(armRt, "1110...1...............1", "mrc")
	add(armPlain, "1110...................0", "cdp")
	add(armPlain, "110....*", "stc ldc")
	return rows
}

// armNeonRows are those of Advanced SIMD (ARMv7-A, A7.4, A7.7), which A32 and
// T32 have with one bit at another place. Bits begin behind it: from bit 23 on.
func armNeonRows(zero, one string) []row {
	var rows []row
	add := func(bits, names string) { rows = append(rows, rowsOf(armPlain, bits, names)...) }
	both := func(bits, names0, names1 string) { add(zero+bits, names0); add(one+bits, names1) }
	// Three registers: operation and bit 4, then those that the size tells apart.
	add(zero+"0.**........0001...1", "vand vbic vorr vorn")
	add(one+"0.**........0001...1", "veor vbsl vbit vbif")
	both("0...........****...*", "vhadd vqadd vrhadd - vhsub vqsub vcgt vcge vshl vqshl vrshl vqrshl vmax vmin vabd vaba "+
		"vadd vtst vmla vmul vpmax vpmin vqdmulh vpadd", "vhadd vqadd vrhadd - vhsub vqsub vcgt vcge vshl vqshl vrshl vqrshl vmax vmin vabd vaba "+
		"vsub vceq vmls vmul vpmax vpmin vqrdmulh")
	add(zero+"0.*.........110*...*", "- vfma vadd vmla - vfms vsub vmls")
	add(zero+"0.*.........111*...*", "vceq - vmax vrecps - - vmin vrsqrts")
	add(one+"0.*.........110*...*", "- - vpadd vmul - - vabd")
	add(one+"0.*.........111*...*", "vcge vacge vpmax - vcgt vacgt vpmin")
	// One register and a constant.
	add(zero+"1.000.........0*..1", "vmov vmvn")
	add(zero+"1.000..............1", "vmov")
	add(one+"1.000..............1", "vmov")
	// Two registers and how far to shift.
	both("1...........****...1", "vshr vsra vrshr vrsra - vshl - vqshl vshrn vqshrn vshll - - - vcvt vcvt",
		"vshr vsra vrshr vrsra vsri vsli vqshlu vqshl vqshrun vqshrn vshll - - - vcvt vcvt")
	add(zero+"1.11............"+"...0", "vext")
	// Two registers.
	add(one+"1.11..00....0****..0", "vrev64 vrev32 vrev16 - vpaddl vpaddl aes aes vcls vclz vcnt vmvn vpadal vpadal vqabs vqneg")
	add(one+"1.11..01....0.***..0", "vcgt vcge vceq vcle vclt - vabs vneg")
	add(one+"1.11..10....0****..0", "vswp vtrn vuzp vzip vmovn vqmovn vshll sha - - - - vcvt - vcvt")
	add(one+"1.11..11....0****..0", "- - - - - - - - vrecpe vrsqrte vrecpe vrsqrte vcvt vcvt vcvt vcvt")
	add(one+"1.11........10.....0", "vtbl")
	add(one+"1.11........11.....0", "vdup")
	// Registers of two lengths, and one element.
	both("1...........****.0.0", "vaddl vaddw vsubl vsubw vaddhn vabal vsubhn vabdl vmlal vqdmlal vmlsl vqdmlsl vmull vqdmull vmull",
		"vaddl vaddw vsubl vsubw vraddhn vabal vrsubhn vabdl vmlal - vmlsl - vmull - vmull")
	both("1...........****.1.0", "vmla vmla vmlal vqdmlal vmls vmls vmlsl vqdmlsl vmul vmul vmull vqdmull vqdmulh vqrdmulh",
		"vmla vmla vmlal - vmls vmls vmlsl - vmul vmul vmull - vqdmulh vqrdmulh")
	return append(rows, row{"neon", armPlain, zero}, row{"neon", armPlain, one})
}

// armStructRows are loads and stores of vectors; bits begin at 23.
func armStructRows(first string) []row {
	var rows []row
	for i, op := range []string{"vst", "vld"} {
		l := string(rune('0' + i))
		rows = append(rows, rowsOf(armRn, first+"0."+l+"0........****", op+"4 "+op+"4 "+op+"1 "+op+"2 "+op+"3 "+op+"3 "+op+"1 "+op+"1 "+op+"2 "+op+"2 "+op+"1")...)
		rows = append(rows, rowsOf(armRn, first+"1."+l+"0..........**", op+"1 "+op+"2 "+op+"3 "+op+"4")...)
	}
	return rows
}
