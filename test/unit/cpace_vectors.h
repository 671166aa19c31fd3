#ifndef PH_TEST_CPACE_VECTORS_H
#define PH_TEST_CPACE_VECTORS_H

/*
 * Published vectors of CPACE-RISTR255-SHA512: draft-irtf-cfrg-cpace, -19 to
 * -21, github.com/cfrg/draft-irtf-cfrg-cpace at 8fb4056e. Hex, lower case.
 * Drafts up to -18 have other values.
 */
#define V_PRS "50617373776f7264"
#define V_CI  "0b415f696e69746961746f720b425f726573706f6e646572"
#define V_SID "7e4b4791d6a8ef019b936c79fb7f2c57"
#define V_GENERATOR_STRING                                                     \
	"11435061636552697374726574746f3235350850617373776f726464"             \
	"00000000000000000000000000000000000000000000000000000000"             \
	"00000000000000000000000000000000000000000000000000000000"             \
	"00000000000000000000000000000000000000000000000000000000"             \
	"00000000000000000000000000000000180b415f696e69746961746f"             \
	"720b425f726573706f6e646572107e4b4791d6a8ef019b936c79fb7f"             \
	"2c57"
#define V_GENERATOR_STRING_HASH                                                \
	"da6d3ddc8802fca9058755ffd3ebde08a9c2c74945901a258482a288"             \
	"b6663af06bf645c93cd1c51512307199c80e84908916d983b34af772"             \
	"05f90851a657ee27"
#define V_G                                                                    \
	"222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5"             \
	"698c7e56"
#define V_SCALAR_A                                                             \
	"da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4f"             \
	"f0976d08"
#define V_ADA "414461"
#define V_SHARE_A                                                              \
	"d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec"             \
	"482b9157"
#define V_SCALAR_B                                                             \
	"d2316b454718c35362d83d69df6320f38578ed5984651435e2949762"             \
	"d900b80d"
#define V_ADB "414462"
#define V_SHARE_B                                                              \
	"3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7"             \
	"433f7258"
#define V_K                                                                    \
	"80b69a8a76457ab6a4d7f887a4bf6b55a2f80ac19c333f917a05fc98"             \
	"87c8b40f"
#define V_ISK_IR                                                               \
	"b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dc"             \
	"ae7b35cd2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c"             \
	"3fa2068af7900447"
#define V_ISK_OC                                                               \
	"544199d71f62f8d9a1fee55727e24fe4a45844593c2b6013c4fa3969"             \
	"d0e5debb2244675c0b43397cbb68d342b01fc0f98fc961469a25134d"             \
	"e9f0f813c1a57476"
#define V_SID_IR                                                               \
	"bb1c449b35f0ea79a65c209f329a693d475e0ce2387bed9fe4b78f60"             \
	"b2a27c219813fb2cfe175ef40d2222d9261e66da7d78f7c55a303b1b"             \
	"8611dcdfab880c47"
#define V_SID_OC                                                               \
	"10d5941d4933497fe31b9188d690b84465e2a2d158332a7267284a07"             \
	"1a8d0876fc5c8c329dc735d59a9f8ef6623ee23924704a2f929dd631"             \
	"ca981227ee82fff2"
#define V_MULT_S                                                               \
	"7cd0e075fa7955ba52c02759a6c90dbbfc10e6d40aea8d283e407d88"             \
	"cf538a05"
#define V_MULT_X                                                               \
	"2c3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d6"             \
	"54b4a51c"
#define V_MULT_RESULT                                                          \
	"7c13645fe790a468f62c39beb7388e541d8405d1ade69d1778c5fe3e"             \
	"7f6b600e"
#define V_ABORT_S                                                              \
	"7cd0e075fa7955ba52c02759a6c90dbbfc10e6d40aea8d283e407d88"             \
	"cf538a05"
#define V_ABORT_NO_POINT                                                       \
	"2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d6"             \
	"54b4a51c"
#define V_ABORT_IDENTITY                                                       \
	"00000000000000000000000000000000000000000000000000000000"             \
	"00000000"
#define V_LEN_0_IN  ""
#define V_LEN_0_OUT "00"
#define V_LEN_1_IN  "31323334"
#define V_LEN_1_OUT "0431323334"
#define V_LEN_2_IN                                                             \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b"             \
	"1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"             \
	"38393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f50515253"             \
	"5455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f"             \
	"707172737475767778797a7b7c7d7e"
#define V_LEN_2_OUT                                                            \
	"7f000102030405060708090a0b0c0d0e0f101112131415161718191a"             \
	"1b1c1d1e1f202122232425262728292a2b2c2d2e2f30313233343536"             \
	"3738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152"             \
	"535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e"             \
	"6f707172737475767778797a7b7c7d7e"
#define V_LEN_3_IN                                                             \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b"             \
	"1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"             \
	"38393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f50515253"             \
	"5455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f"             \
	"707172737475767778797a7b7c7d7e7f"
#define V_LEN_3_OUT                                                            \
	"8001000102030405060708090a0b0c0d0e0f10111213141516171819"             \
	"1a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435"             \
	"363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f5051"             \
	"52535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d"             \
	"6e6f707172737475767778797a7b7c7d7e7f"
#define V_CAT_OUT  "043132333401350003363738"
#define V_O_0_A	   "41424344"
#define V_O_0_B	   "424344"
#define V_O_0_OUT  "6f6342434441424344"
#define V_O_1_A	   "424344"
#define V_O_1_B	   "4142434445"
#define V_O_1_OUT  "6f634243444142434445"
#define V_IR_0_YA  "313233"
#define V_IR_0_ADA "506172747941"
#define V_IR_0_YB  "323334"
#define V_IR_0_ADB "506172747942"
#define V_IR_0_OUT "03313233065061727479410332333406506172747942"
#define V_IR_1_YA  "33343536"
#define V_IR_1_ADA "506172747941"
#define V_IR_1_YB  "32333435"
#define V_IR_1_ADB "506172747942"
#define V_IR_1_OUT "043334353606506172747941043233343506506172747942"
#define V_OC_0_YA  "313233"
#define V_OC_0_ADA "506172747941"
#define V_OC_0_YB  "323334"
#define V_OC_0_ADB "506172747942"
#define V_OC_0_OUT "6f6303323334065061727479420331323306506172747941"
#define V_OC_1_YA  "33343536"
#define V_OC_1_ADA "506172747941"
#define V_OC_1_YB  "32333435"
#define V_OC_1_ADB "506172747942"
#define V_OC_1_OUT "6f63043334353606506172747941043233343506506172747942"

#endif
