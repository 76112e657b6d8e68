package insn

// aarch64Vector are the rows of floating point and Advanced SIMD (Arm
// Architecture Reference Manual for A-profile, C4.1.96, C7.2).
func aarch64Vector() []row {
	var rows []row
	add := func(kind uint8, bits string, names string) { rows = append(rows, rowsOf(kind, bits, names)...) }

	// Floating point of one number.
	for i, way := range []string{"00", "01", "10", "11"} {
		r := string("npmz"[i])
		add(a64Rd, ".0011110..1"+way+"***000000", "fcvt"+r+"s fcvt"+r+"u")
	}
	add(a64Plain, ".0011110..100***000000", "- - scvtf ucvtf")
	add(a64Rd, ".0011110..100***000000", "- - - - fcvtas fcvtau fmov")
	add(a64Plain, ".0011110..10.111000000", "fmov")
	add(a64Rd, ".0011110..101110000000", "fmov")
	add(a64Rd, "0001111001111110000000", "fjcvtzs")
	add(a64Plain, ".0011110..000***", "- - scvtf ucvtf")
	add(a64Rd, ".0011110..011***", "fcvtzs fcvtzu")
	add(a64Plain, "00011110..1******10000", "fmov fabs fneg fsqrt fcvt fcvt - fcvt frintn frintp frintm frintz frinta - frintx frinti frint32z frint32x frint64z frint64x")
	add(a64Plain, "00011110..1.....001000.....*", "fcmp fcmpe")
	add(a64Plain, "00011110..1........10000000", "fmov")
	add(a64Plain, "00011110..1.........01.....*", "fccmp fccmpe")
	add(a64Plain, "00011110..1.....****10", "fmul fdiv fadd fsub fmax fmin fmaxnm fminnm fnmul")
	add(a64Plain, "00011110..1.........11", "fcsel")
	add(a64Plain, "00011111..*.....*", "fmadd fmsub fnmadd fnmsub")

	add(a64Plain, "01011110..110001101110", "addp")

	// Vectors, and the forms of the same for one element.
	for _, first := range []struct{ bits, rest string }{{"0.", "01110"}, {"01", "11110"}} {
		both := func(u, bits, names string) { add(a64Plain, first.bits+u+first.rest+bits, names) }
		// The two halves of 11000 to 11111 that bit 23 tells apart.
		both("0", "0.1.....11***1", "fmaxnm fmla fadd fmulx fcmeq - fmax frecps")
		both("0", "1.1.....11***1", "fminnm fmls fsub - - - fmin frsqrts")
		both("1", "0.1.....11***1", "fmaxnmp - faddp fmul fcmge facge fmaxp fdiv")
		both("1", "1.1.....11***1", "fminnmp - fabd - fcmgt facgt fminp")
		both("0", "**1.....000111", "and bic orr orn")
		both("1", "**1.....000111", "eor bsl bit bif")
		both("0", "..1.....*****1", "shadd sqadd srhadd - shsub sqsub cmgt cmge sshl sqshl srshl sqrshl smax smin sabd saba "+
			"add cmtst mla mul smaxp sminp sqdmulh addp")
		both("1", "..1.....*****1", "uhadd uqadd urhadd - uhsub uqsub cmhi cmhs ushl uqshl urshl uqrshl umax umin uabd uaba "+
			"sub cmeq mls pmul umaxp uminp sqrdmulh -")
		both("0", "..0.....100101", "sdot")
		both("1", "..0.....100101", "udot")
		both("1", "..0.....10000*", "- sqrdmlah")
		both("1", "..0.....1000*1", "sqrdmlah sqrdmlsh")
		both("0", "1.10000*****10", "- - - - - - - - - - - - fcmgt fcmeq fcmlt fabs - - - - - - - - frintp frintz fcvtps fcvtzs urecpe frecpe - frecpx")
		both("1", "1.10000*****10", "- - - - - - - - - - - - fcmge fcmle - fneg - - - - - - - - - frinti fcvtpu fcvtzu ursqrte frsqrte - fsqrt")
		both("1", "01100000010110", "rbit")
		both("0", "..10000*****10", "rev64 rev16 saddlp suqadd cls cnt sadalp sqabs cmgt cmeq cmlt abs - - - - - - xtn - sqxtn - fcvtn fcvtl frintn frintm fcvtns fcvtms fcvtas scvtf")
		both("1", "..10000*****10", "rev32 - uaddlp usqadd clz not uadalp sqneg cmge cmle - neg - - - - - - sqxtun shll uqxtn - fcvtxn - frinta frintx fcvtnu fcvtmu fcvtau ucvtf")
		both("0", "..11000*****10", "- - - saddlv - - - - - - smaxv - fmaxnmv - - fmaxv - - - - - - - - - - sminv addv")
		both("1", "..11000*****10", "- - - uaddlv - - - - - - umaxv - fmaxnmv faddp - fmaxv - - - - - - - - - - uminv")
		both("0", "..1.....****00", "saddl saddw ssubl ssubw addhn sabal subhn sabdl smlal sqdmlal smlsl sqdmlsl smull sqdmull pmull")
		both("1", "..1.....****00", "uaddl uaddw usubl usubw raddhn uabal rsubhn uabdl umlal - umlsl - umull")
	}
	add(a64Plain, "0.001110000.....0****1", "dup dup - ins")
	add(a64Rd, "0.001110000.....0****1", "- - - - - smov - umov")
	add(a64Plain, "01011110000.....0....1", "dup")
	add(a64Plain, "0.101110000.....0....1", "ins")
	add(a64Plain, "0..0111100000...111101", "fmov")
	add(a64Plain, "0.*0111100000...0..101", "orr bic")
	add(a64Plain, "0.*0111100000...10.101", "orr bic")
	add(a64Plain, "0.10111100000...111001", "movi")
	add(a64Plain, "0.*0111100000.......01", "movi mvni")
	for _, first := range []string{"0.", "01"} {
		rest := "011110"
		if first == "01" {
			rest = "111110"
		}
		add(a64Plain, first+"0"+rest+".......*****1", "sshr - ssra - srshr - srsra - - - shl - - - sqshl - shrn rshrn sqshrn sqrshrn sshll - - - - - - - scvtf - - fcvtzs")
		add(a64Plain, first+"1"+rest+".......*****1", "ushr - usra - urshr - ursra - sri - sli - sqshlu - uqshl - sqshrun sqrshrun uqshrn uqrshrn ushll - - - - - - - ucvtf - - fcvtzu")
		rest = rest[:4] + "1"
		add(a64Plain, first+"0"+rest+"..........****.0", "- fmla smlal sqdmlal - fmls smlsl sqdmlsl mul fmul smull sqdmull sqdmulh sqrdmulh sdot")
		add(a64Plain, first+"1"+rest+"..........****.0", "mla - umlal - mls - umlsl - - fmulx umull - - sqrdmlah udot sqrdmlsh")
	}
	add(a64Plain, "0.001110..0.....0***10", "- uzp1 trn1 zip1 - uzp2 trn2 zip2")
	add(a64Plain, "0.101110000.....0....0", "ext")
	add(a64Plain, "0.001110000.....0..*00", "tbl tbx")
	add(a64Plain, "0100111000101000***10", "- - aese - aesd - - -")
	add(a64Plain, "01001110001010000***10", "- - - - aese aesd aesmc aesimc")
	add(a64Plain, "01011110000.....0***00", "sha1c sha1p sha1m sha1su0 sha256h sha256h2 sha256su1")
	add(a64Plain, "01011110001010000***10", "sha1h sha1su1 sha256su0")
	add(a64Plain, "0.00110101*000001100", "ld1r ld2r")
	add(a64Plain, "0.00110101*000001110", "ld3r ld4r")
	add(a64StoreBack, "0.00110111*.....1100", "ld1r ld2r")
	add(a64StoreBack, "0.00110111*.....1110", "ld3r ld4r")
	// Loads and stores of structures: how many registers.
	for i, name := range []string{"st", "ld"} {
		l := string(rune('0' + i))
		add(a64Plain, "0.0011000"+l+"000000****", name+"4 - "+name+"1 - "+name+"3 - "+name+"1 "+name+"1 "+name+"2 - "+name+"1")
		add(a64StoreBack, "0.0011001"+l+"0.....****", name+"4 - "+name+"1 - "+name+"3 - "+name+"1 "+name+"1 "+name+"2 - "+name+"1")
		add(a64Plain, "0.0011010"+l+"*00000..*", name+"1 "+name+"3 "+name+"2 "+name+"4")
		add(a64StoreBack, "0.0011011"+l+"*.......*", name+"1 "+name+"3 "+name+"2 "+name+"4")
	}
	return append(rows, row{"simd", a64Plain, "...0111"}, row{"simd", a64Plain, "...1111"})
}
