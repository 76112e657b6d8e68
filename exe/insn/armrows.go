package insn

import "sync"

// armTable is A32 by the Arm Architecture Reference Manual ARMv7-A, A5. Bits
// are the lower 28, and before them one that tells whether the condition is 15.
var armTable = sync.OnceValue(func() *table {
	rows := []row{
		{"nop", armPlain, "0 00110010....1111....00000000"},
		{"yield", armPlain, "0 00110010 0000 1111 0000 00000001"},
		{"wfe", armPlain, "0 00110010 0000 1111 0000 00000010"},
		{"wfi", armPlain, "0 00110010 0000 1111 0000 00000011"},
		{"sev", armPlain, "0 00110010 0000 1111 0000 00000100"},
		{"csdb", armPlain, "0 00110010 0000 1111 0000 00010100"},
		{"dbg", armPlain, "0 00110010 0000 1111 0000 1111"},
		{"movw", armMovw, "0 00110000"},
		{"movt", armMovt, "0 00110100"},
		{"msr", armPlain, "0 00110.10....1111"},
		{"mrs", armRd, "0 00010.00....1111....00000000"},
		{"mrs", armRd, "0 00010.00............001.0000"},
		{"msr", armPlain, "0 00010.10............00.00000"},
		{"bx", armIndirectJump, "0 00010010............0001"},
		{"bxj", armIndirectJump, "0 00010010............0010"},
		{"blx", armIndirectCall, "0 00010010............0011"},
		{"clz", armRd, "0 00010110............0001"},
		{"bkpt", armPlain, "0 00010010............0111"},
		{"hvc", armPlain, "0 00010100............0111"},
		{"smc", armPlain, "0 00010110............0111"},
		{"eret", armIndirectJump, "0 00010110............0110"},
		{"swp", armRd, "0 00010000........00001001"},
		{"swpb", armRd, "0 00010100........00001001"},
		{"mov", armMov, "0 0001101 0 ........ 00000000"},
		{"movs", armMov, "0 0001101 1 ........ 00000000"},
		{"add", armAddReg, "0 0000100 0 ........ 00000000"},
		{"add", armAdd, "0 0010100 0"},
		{"sub", armSub, "0 0010010 0"},
		{"rrx", armRd, "0 0001101 0 ........ 00000110"},
		{"rrxs", armRd, "0 0001101 1 ........ 00000110"},
		{"udf", armStop, "0 01111111............1111"},
		{"b", armJump, "0 1010"},
		{"bl", armCall, "0 1011"},
		{"svc", armPlain, "0 1111"},

		{"blx", armCallOther, "1 101"},
		{"cps", armPlain, "1 00010000 ...0"},
		{"setend", armPlain, "1 00010000 ...1"},
		{"pldw", armPlain, "1 0101.001"},
		{"pld", armPlain, "1 0101.101"},
		{"pli", armPlain, "1 0100.101"},
		{"pldw", armPlain, "1 0111.001 ...............0"},
		{"pld", armPlain, "1 0111.101 ...............0"},
		{"pli", armPlain, "1 0110.101 ...............0"},
		{"clrex", armPlain, "1 01010111 ............ 0001"},
		{"dsb", armPlain, "1 01010111 ............ 0100"},
		{"dmb", armPlain, "1 01010111 ............ 0101"},
		{"isb", armPlain, "1 01010111 ............ 0110"},
		{"srs", armPlain, "1 100..1.0"},
		{"rfe", armIndirectJump, "1 100..0.1"},
	}
	add := func(kind uint8, bits, names string) { rows = append(rows, rowsOf(kind, bits, names)...) }
	add(armRd, "0 0001101* ........ .....**0", "lsl lsr asr ror lsls lsrs asrs rors")
	add(armRd, "0 0001101* ........ ....0**1", "lsl lsr asr ror lsls lsrs asrs rors")
	const names = "and ands eor eors sub subs rsb rsbs add adds adc adcs sbc sbcs rsc rscs "
	for _, form := range []string{"0 000***** ............ ...0", "0 000***** ............ 0..1", "0 001*****"} {
		add(armRd, form, names+"- - - - - - - - orr orrs mov movs bic bics mvn mvns")
		add(armCompare, form, "- - - - - - - - - - - - - - - - - tst - teq - cmp - cmn")
	}
	add(armTwo, "0 0000**** ............ 1001", "mul muls mla mlas umaal - mls - umull umulls umlal umlals smull smulls smlal smlals")
	add(armRd, "0 00010**0 ............ 0101", "qadd qsub qdadd qdsub")
	add(armRd, "0 00011*** ........ 1111 1001", "strex ldrex strexd ldrexd strexb ldrexb strexh ldrexh")
	add(armRd, "0 00011*** ........ 1110 1001", "stlex ldaex stlexd ldaexd stlexb ldaexb stlexh ldaexh")
	add(armRd, "0 00011*** ........ 1100 1001", "stl lda - - stlb ldab stlh ldah")
	add(armRd, "0 00010**0 ........ 0000 0100", "crc32b crc32h crc32w")
	add(armRd, "0 00010**0 ........ 0010 0100", "crc32cb crc32ch crc32cw")
	add(armTwo, "0 00010000 ............ 1**0", "smlabb smlatb smlabt smlatt")
	add(armTwo, "0 00010010 ............ 1**0", "smlawb smulwb smlawt smulwt")
	add(armTwo, "0 00010100 ............ 1**0", "smlalbb smlaltb smlalbt smlaltt")
	add(armTwo, "0 00010110 ............ 1**0", "smulbb smultb smulbt smultt")

	// Loads and stores: of words and bytes, then of halves and pairs. What
	// counts is whether the base is written.
	for _, w := range []struct {
		before, writes          string // bits 24 and 21
		load, loadReg, loadHalf uint8
		store, storeReg         uint8
	}{
		{"1", "0", armLoad, armLoadReg, armRd, armStore, armPlain},
		{"1", "1", armLoadBack, armLoadBack, armLoadBack, armStoreBack, armStoreBack},
		{"0", "0", armLoadBack, armLoadBack, armLoadBack, armStoreBack, armStoreBack},
		{"0", "1", armLoadBack, armLoadBack, armLoadBack, armStoreBack, armStoreBack},
	} {
		t := ""
		if w.before < w.writes {
			t = "t" // as a program of the user
		}
		for i, b := range []string{"", "b"} {
			way := w.before + "." + string(rune('0'+i)) + w.writes
			add(w.store, "0 010"+way+"0", "str"+b+t)
			add(w.load, "0 010"+way+"1", "ldr"+b+t)
			add(w.storeReg, "0 011"+way+"0...............0", "str"+b+t)
			add(w.loadReg, "0 011"+way+"1...............0", "ldr"+b+t)
		}
		if w.load == armLoad { // with a constant
			add(armStoreHalf, "0 0001.10 0............1011", "strh")
			add(armLoadHalf, "0 0001.10 1............1**1", "- ldrh ldrsb ldrsh")
			add(armStoreHalf, "0 0001.10 0............1111", "strd")
		}
		way := w.before + ".." + w.writes
		add(w.storeReg, "0 000"+way+"0............1011", "strh"+t)
		add(w.loadHalf, "0 000"+way+"1............1**1", "- ldrh"+t+" ldrsb"+t+" ldrsh"+t)
		add(armPair, "0 000"+way+"0............1101", "ldrd")
		add(w.storeReg, "0 000"+way+"0............1111", "strd")
	}
	add(armStoreMany, "0 100**..0", "stmda stmia stmdb stmib")
	add(armLoadMany, "0 100**..1", "ldmda ldmia ldmdb ldmib")

	// Media.
	for k, kind := range []string{"s", "q", "sh", "u", "uq", "uh"} {
		way := []string{"001", "010", "011", "101", "110", "111"}[k]
		add(armRd, "0 01100"+way+"............***1", kind+"add16 "+kind+"asx "+kind+"sax "+kind+"sub16 "+kind+"add8 - - "+kind+"sub8")
	}
	add(armRd, "0 01101000.............*01", "pkhbt pkhtb")
	add(armRd, "0 01101000............1011", "sel")
	add(armRd, "0 01101***1111........0111", "sxtb16 - sxtb sxth uxtb16 - uxtb uxth")
	add(armRd, "0 01101***............0111", "sxtab16 - sxtab sxtah uxtab16 - uxtab uxtah")
	add(armRd, "0 01101*10............0011", "ssat16 usat16")
	add(armRd, "0 01101*11............*011", "rev rev16 rbit revsh")
	add(armRd, "0 01101*1...............01", "ssat usat")
	add(armTwo, "0 01110000....1111....0**1", "smuad smuadx smusd smusdx")
	add(armTwo, "0 01110000............0**1", "smlad smladx smlsd smlsdx")
	add(armTwo, "0 01110100............0**1", "smlald smlaldx smlsld smlsldx")
	add(armTwo, "0 01110101....1111....00*1", "smmul smmulr")
	add(armTwo, "0 01110101............**.1", "smmla - - smmls")
	add(armTwo, "0 011100*1............0001", "sdiv udiv")
	add(armTwo, "0 01111000....1111....0001", "usad8")
	add(armTwo, "0 01111000............0001", "usada8")
	add(armRd, "0 01111*1..............101", "sbfx ubfx")
	add(armRd, "0 0111110..............0011111", "bfc")
	add(armRd, "0 0111110..............001", "bfi")
	rows = append(rows, armCoprocessorRows("0")...)
	rows = append(rows, armNeonRows("1 0010", "1 0011")...)
	rows = append(rows, armStructRows("1 0100")...)
	rows = append(rows, armCoprocessorRows("1")...)
	return newTable(rows, 29, group{28, 20, 4}, group{7, 4, 0})
})
