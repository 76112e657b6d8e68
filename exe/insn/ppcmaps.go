package insn

import (
	"strconv"
	"strings"
	"sync"
)

// What the decoder does with an instruction. RT is bits 21 to 25, RA 16 to 20,
// RB 11 to 15, counted from the lowest.
const (
	ppcBad   uint8 = iota
	ppcPlain       // writes no general register
	ppcT           // writes RT
	ppcA           // writes RA
	ppcTA          // writes both
	ppcAddi
	ppcAddis
	ppcOri
	ppcOr
	ppcAdd
	ppcLoad   // RT, from RA + 16 bits
	ppcAccess // the same, and RT is no general register, or read
	ppcLoadDS // as ppcLoad, of 14 bits
	ppcAccessDS
	ppcStoreWord // as ppcAccess, of a word of the ABI
	ppcStoreDS
	ppcLoadBack // as ppcLoad, and RA is the address then
	ppcAccessBack
	ppcLoadMany
	ppcBranch
	ppcBranchIf
	ppcLink  // to the link register's
	ppcCount // to the count register's
	ppcFrom  // special registers
	ppcTo
	ppcTrap
	ppcPrefix
)

// The opcodes (Power ISA 3.1, appendices F and G; Vector and SPE share numbers,
// the former's names stand): number, name, and what the decoder does.
const (
	ppcFirst = `
1 prefix prefix  2 tdi -  3 twi -  4 vmx -  6 lxvp -  7 mulli t  8 subfic t  10 cmpli -  11 cmpi -  12 addic t  13 addic. t  14 addi addi
15 addis addis  16 bc branchif  17 sc -  18 b branch  20 rlwimi a  21 rlwinm a  23 rlwnm a  24 ori ori  25 oris a  26 xori a  27 xoris a
28 andi. a  29 andis. a  32 lwz load  33 lwzu loadback  34 lbz load  35 lbzu loadback  36 stw storeword  37 stwu accessback  38 stb access  39 stbu accessback  40 lhz load
41 lhzu loadback  42 lha load  43 lhau loadback  44 sth access  45 sthu accessback  46 lmw loadmany  47 stmw -  48 lfs access  49 lfsu accessback  50 lfd access  51 lfdu accessback
52 stfs access  53 stfsu accessback  54 stfd access  55 stfdu accessback  56 lq loadds  59 fp -  60 vsx -  63 fp -`
	ppc19 = `
0 mcrf -  16 bclr link  18 rfid -  33 crnor -  38 rfmci -  50 rfi -  51 rfci -  129 crandc -  150 isync -  193 crxor -  225 crnand -
257 crand -  274 hrfid -  289 creqv -  417 crorc -  449 cror -  528 bcctr count  560 bctar count`
	ppc31 = `
0 cmp -  4 tw trap  6 lvsl -  7 lvebx -  8 subfc t  9 mulhdu t  10 addc t  11 mulhwu t  12 lxsiwzx -  19 mfcr t  20 lwarx t  21 ldx t  22 icbt -
23 lwzx t  24 slw a  26 cntlzw a  27 sld a  28 and a  30 wait -  32 cmpl -  38 lvsr -  39 lvehx -  40 subf t  51 mfvsrd a  52 lbarx t  53 ldux ta
54 dcbst -  55 lwzux ta  58 cntlzd a  60 andc a  62 wait -  68 td -  71 lvewx -  73 mulhd t  75 mulhw t  76 lxsiwax -  78 dlmzb a  83 mfmsr t  84 ldarx t
86 dcbf -  87 lbzx t  103 lvx -  104 neg t  115 mfvsrwz a  116 lharx t  119 lbzux ta  122 popcntb a  124 nor a  128 setb t  131 wrtee -
135 stvebx -  136 subfe t  138 adde t  140 stxsiwx -  144 mtcrf -  146 mtmsr -  149 stdx -  150 stwcx. -  151 stwx -  154 prtyw a  163 wrteei -
167 stvehx -  178 mtmsrd -  179 mtvsrd -  181 stdux a  183 stwux a  186 prtyd a  192 cmprb -  199 stvewx -  200 subfze t  202 addze t  210 mtsr -
211 mtvsrwa -  214 stdcx. -  215 stbx -  224 cmpeqb -  231 stvx -  232 subfme t  233 mulld t  234 addme t  235 mullw t  242 mtsrin -  243 mtvsrwz -
246 dcbtst -  247 stbux a  252 bpermd a  265 modud t  266 add add  267 moduw t  268 lxvx -  269 lxvl -  278 dcbt -  279 lhzx t  282 cdtbcd a
284 eqv a  301 lxvll -  306 tlbie -  307 mfvsrld a  310 eciwx t  311 lhzux ta  314 cbcdtd a  316 xor a  323 mfdcr t  332 lxvdsx -  334 mfpmr t  339 mfspr from
341 lwax t  343 lhax t  359 lvxl -  364 lxvwsx -  370 tlbia -  371 mftb t  373 lwaux ta  375 lhaux ta  378 popcntw a  393 divdeu t  395 divweu t
396 stxvx -  397 stxvl -  402 slbmte -  403 mtvsrws -  407 sthx -  412 orc a  425 divde t  427 divwe t  429 stxvll -  434 slbie -  435 mtvsrdd -
438 ecowx -  439 sthux a  444 or or  451 mtdcr -  457 divdu t  459 divwu t  462 mtpmr -  467 mtspr to  470 dcbi -  476 nand a  487 stvxl -  489 divd t  491 divw t
498 slbia -  506 popcntd a  508 cmpb a  512 mcrxr -  524 lxsspx -  532 ldbrx t  533 lswx t  534 lwbrx t  535 lfsx -  536 srw a  538 cnttzw a
539 srd a  566 tlbsync -  567 lfsux a  570 cnttzd a  576 mcrxrx -  588 lxsdx -  595 mfsr t  597 lswi t  598 sync -  599 lfdx -  631 lfdux a
652 stxsspx -  654 tbegin. -  686 tend. -  718 tcheck -  750 tsr. -  782 tabortwc. -  814 tabortdc. -  846 tabortwci. -  878 tabortdci. -  910 tabort. -  942 treclaim. -  1006 trechkpt. -
659 mfsrin t  660 stdbrx -  661 stswx -  662 stwbrx -  663 stfsx -  694 stbcx. -  695 stfsux a  716 stxsdx -  725 stswi -  726 sthcx. -
727 stfdx -  755 darn t  758 dcba -  759 stfdux a  777 modsd t  779 modsw t  780 lxvw4x -  781 lxsibzx -  790 lhbrx t  792 sraw a
794 srad a  812 lxvh8x -  813 lxsihzx -  824 srawi a  826 sradi a  827 sradi a  844 lxvd2x -  851 slbmfev t  854 eieio -  855 lfiwax -
876 lxvb16x -  887 lfiwzx -  890 extswsli a  891 extswsli a  908 stxvw4x -  909 stxsibx -  914 tlbsx. -  915 slbmfee t  918 sthbrx -  922 extsh a
940 stxvh8x -  941 stxsihx -  946 tlbre t  954 extsb a  966 iccci -  972 stxvd2x -  978 tlbwe -  982 icbi -  983 stfiwx -  986 extsw a
1004 stxvb16x -  1014 dcbz -`
	// Those whose overflow bit makes another number.
	ppc31Overflow = "8 10 40 104 136 138 200 202 232 233 234 235 266 393 395 425 427 457 459 489 491"
	ppc63         = `
0 fcmpu -  8 fcpsgn -  12 frsp -  14 fctiw -  15 fctiwz -  32 fcmpo -  38 mtfsb1 -  40 fneg -  64 mcrfs -  70 mtfsb0 -  72 fmr -  134 mtfsfi -
136 fnabs -  142 fctiwu -  143 fctiwuz -  264 fabs -  392 frin -  424 friz -  456 frip -  488 frim -  583 mffs -  711 mtfsf -  814 fctid -
815 fctidz -  838 fmrgow -  846 fcfid -  942 fctidu -  943 fctiduz -  966 fmrgew -  974 fcfidu -`
	// Arithmetic of doubles; that of singles has an s behind the name.
	ppcFloat  = "18 fdiv  20 fsub  21 fadd  22 fsqrt  23 fsel  24 fre  25 fmul  26 frsqrte  28 fmsub  29 fmadd  30 fnmsub  31 fnmadd"
	ppcVector = `
0 vaddubm  64 vadduhm  128 vadduwm  192 vaddudm  1024 vsububm  1088 vsubuhm  1152 vsubuwm  1216 vsubudm  6 vcmpequb  70 vcmpequh  134 vcmpequw
199 vcmpequd  518 vcmpgtub  582 vcmpgtuh  646 vcmpgtuw  711 vcmpgtud  774 vcmpgtsb  838 vcmpgtsh  902 vcmpgtsw  967 vcmpgtsd  4 vrlb  68 vrlh  132 vrlw
196 vrld  260 vslb  324 vslh  388 vslw  1476 vsld  452 vsl  516 vsrb  580 vsrh  644 vsrw  1732 vsrd  708 vsr  772 vsrab  836 vsrah  900 vsraw  12 vmrghb
76 vmrghh  140 vmrghw  268 vmrglb  332 vmrglh  396 vmrglw  14 vpkuhum  78 vpkuwum  1102 vpkudum  524 vspltb  588 vsplth  652 vspltw  780 vspltisb
844 vspltish  908 vspltisw  1028 vand  1092 vandc  1156 vor  1220 vxor  1284 vnor  1036 vslo  1100 vsro  137 vmuluwm  1292 vgbbd  2 vmaxub  66 vmaxuh
130 vmaxuw  258 vmaxsb  322 vmaxsh  386 vmaxsw  514 vminub  578 vminuh  642 vminuw  770 vminsb  834 vminsh  898 vminsw  10 vaddfp  74 vsubfp  1540 mfvscr  1604 mtvscr`
	ppcVectorA = "32 vmhaddshs  33 vmhraddshs  34 vmladduhm  36 vmsumubm  37 vmsummbm  38 vmsumuhm  39 vmsumuhs  40 vmsumshm  41 vmsumshs  42 vsel  43 vperm  44 vsldoi  45 vpermxor  46 vmaddfp  47 vnmsubfp"
	ppcVSX     = `
2 xxsldwi  10 xxpermdi  18 xxmrghw  26 xxperm  34 xxsldwi  42 xxpermdi  50 xxmrglw  58 xxpermr  66 xxsldwi  74 xxpermdi  98 xxsldwi  106 xxpermdi  130 xxland  138 xxlandc
146 xxlor  154 xxlxor  162 xxlnor  170 xxlorc  178 xxlnand  186 xxleqv  32 xsadddp  40 xssubdp  48 xsmuldp  56 xsdivdp  0 xsaddsp  8 xssubsp  16 xsmulsp
24 xsdivsp  33 xsmaddadp  41 xsmaddmdp  49 xsmsubadp  57 xsmsubmdp  1 xsmaddasp  9 xsmaddmsp  17 xsmsubasp  25 xsmsubmsp  161 xsnmaddadp  169 xsnmaddmdp
177 xsnmsubadp  185 xsnmsubmdp  35 xscmpudp  43 xscmpodp  160 xsmaxdp  168 xsmindp  176 xscpsgndp  96 xvadddp  104 xvsubdp  112 xvmuldp  120 xvdivdp
64 xvaddsp  72 xvsubsp  80 xvmulsp  88 xvdivsp`
)

// ppcWays are the words of the tables.
var ppcWays = map[string]uint8{
	"-": ppcPlain, "t": ppcT, "a": ppcA, "ta": ppcTA, "addi": ppcAddi, "addis": ppcAddis, "ori": ppcOri, "or": ppcOr, "add": ppcAdd, "load": ppcLoad,
	"access": ppcAccess, "loadds": ppcLoadDS, "accessds": ppcAccessDS, "storeword": ppcStoreWord, "storeds": ppcStoreDS, "loadmany": ppcLoadMany, "loadback": ppcLoadBack, "accessback": ppcAccessBack,
	"branch": ppcBranch, "branchif": ppcBranchIf, "link": ppcLink, "count": ppcCount, "from": ppcFrom, "to": ppcTo, "trap": ppcTrap, "prefix": ppcPrefix,
}

// ppcEntry is an instruction of the tables.
type ppcEntry struct {
	op   uint16
	kind uint8
}

// ppcMaps are the tables, read. The entry of an instruction is that of its
// opcode's base and the bits of shift and mask.
type ppcMaps struct {
	names   []string
	index   map[string]uint16
	first   [64]ppcExtended
	entries []ppcEntry
	li, lis uint16
	nop, mr uint16
	behind  [64]uint16 // prefixed instructions, by the opcode behind the prefix
}

type ppcExtended struct {
	base, mask uint32
	shift      uint8
}

var ppcTables = sync.OnceValue(func() *ppcMaps {
	t := &ppcMaps{names: []string{""}, index: map[string]uint16{}}
	t.li, t.lis, t.nop, t.mr = t.name("li"), t.name("lis"), t.name("nop"), t.name("mr")
	one := make([]ppcEntry, 64)
	t.fill(one, ppcFirst, 1)
	for i, e := range one {
		t.first[i].base = uint32(len(t.entries))
		t.entries = append(t.entries, e)
		t.behind[i] = t.name("p" + t.names[e.op])
	}
	t.behind[41], t.behind[42], t.behind[43], t.behind[46], t.behind[57], t.behind[61] = t.name("plwa"), t.name("plxsd"), t.name("plxssp"), t.name("pstxsd"), t.name("pld"), t.name("pstd")
	t.extend(19, 1, 10, func(to []ppcEntry) {
		t.fill(to, ppc19, 1)
		for i := range 32 {
			to[i<<5|2] = ppcEntry{t.name("addpcis"), ppcT}
		}
	})
	t.extend(30, 1, 4, func(to []ppcEntry) {
		t.fill(to, "0 rldicl a 1 rldicl a 2 rldicr a 3 rldicr a 4 rldic a 5 rldic a 6 rldimi a 7 rldimi a 8 rldcl a 9 rldcr a", 1)
	})
	t.extend(31, 1, 10, func(to []ppcEntry) {
		t.fill(to, ppc31, 1)
		for _, w := range strings.Fields(ppc31Overflow) {
			n, _ := strconv.Atoi(w)
			to[n|512] = to[n]
		}
		for i := range 32 {
			to[i<<5|15] = ppcEntry{t.name("isel"), ppcT}
		}
	})
	t.extend(4, 0, 11, func(to []ppcEntry) {
		for i := range to { // what has no name here
			to[i] = ppcEntry{t.name("vmx"), ppcPlain}
			switch i & 63 {
			case 48, 49, 51: // maddhd, maddhdu, maddld
				to[i] = ppcEntry{t.name("madd"), ppcT}
			}
		}
		t.fill(to, ppcVector, 1)
		for i := range 32 {
			t.fill(to[i<<6:], ppcVectorA, 1)
		}
		for i := range 1024 { // the record bit of comparisons
			if i&63 == 6 || i&63 == 7 {
				to[i|1024] = to[i]
			}
		}
	})
	t.extend(57, 0, 2, func(to []ppcEntry) {
		t.fill(to, "0 lfdp accessds 1 lxsdp accessds 2 lxsd accessds 3 lxssp accessds", 1)
	})
	t.extend(58, 0, 2, func(to []ppcEntry) { t.fill(to, "0 ld loadds 1 ldu ta 2 lwa loadds", 1) })
	t.extend(59, 1, 10, func(to []ppcEntry) {
		for i := range to {
			to[i] = ppcEntry{t.name("fp"), ppcPlain}
		}
		for i := range 32 {
			t.fill(to[i<<5:], strings.ReplaceAll(ppcFloat+"  ", "  ", "s  "), 1)
		}
		t.fill(to, "846 fcfids 974 fcfidus", 1)
	})
	t.extend(60, 2, 9, func(to []ppcEntry) {
		for i := range to {
			to[i] = ppcEntry{t.name("vsx"), ppcPlain}
			if i>>2&3 == 3 {
				to[i] = ppcEntry{t.name("xxsel"), ppcPlain}
			}
		}
		t.fill(to, ppcVSX, 2)
	})
	t.extend(61, 0, 3, func(to []ppcEntry) {
		t.fill(to, "0 stfdp accessds 1 lxv - 2 stxsd accessds 3 stxssp accessds 4 stfdp accessds 5 stxv - 6 stxsd accessds 7 stxssp accessds", 1)
	})
	t.extend(62, 0, 2, func(to []ppcEntry) { t.fill(to, "0 std storeds 1 stdu a 2 stq accessds", 1) })
	t.extend(63, 1, 10, func(to []ppcEntry) {
		for i := range to {
			to[i] = ppcEntry{t.name("fp"), ppcPlain}
		}
		for i := range 32 {
			t.fill(to[i<<5:], ppcFloat, 1)
		}
		t.fill(to, ppc63, 1)
	})
	t.index = nil
	return t
})

func (t *ppcMaps) name(n string) uint16 {
	i, ok := t.index[n]
	if !ok {
		i = uint16(len(t.names))
		t.index[n] = i
		t.names = append(t.names, n)
	}
	return i
}

// fill reads a table of which each number stands for some entries in sequence.
func (t *ppcMaps) fill(to []ppcEntry, text string, each int) {
	f := strings.Fields(text)
	for i := 0; i+1 < len(f); {
		n, err := strconv.Atoi(f[i])
		if err != nil {
			panic("insn: number of an opcode: " + f[i]) // in our own tables
		}
		e := ppcEntry{t.name(f[i+1]), ppcPlain}
		i += 2
		if i < len(f) && (f[i][0] < '0' || f[i][0] > '9') {
			e.kind = ppcWays[f[i]]
			i++
		}
		for k := range each {
			to[n*each+k] = e
		}
	}
}

// extend makes room for an opcode that has others behind it.
func (t *ppcMaps) extend(opcode int, shift, bits uint8, fill func([]ppcEntry)) {
	to := make([]ppcEntry, 1<<bits)
	fill(to)
	t.first[opcode] = ppcExtended{uint32(len(t.entries)), 1<<bits - 1, shift}
	t.entries = append(t.entries, to...)
}
