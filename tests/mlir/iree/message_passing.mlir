"builtin.module"() ({
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"message_mlp.0.weight"> : tensor<64x144xf32>, sym_name = "message_mlp.0.weight", sym_visibility = "private", type = tensor<64x144xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"message_mlp.2.weight"> : tensor<64x64xf32>, sym_name = "message_mlp.2.weight", sym_visibility = "private", type = tensor<64x64xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"update_mlp.0.weight"> : tensor<64x128xf32>, sym_name = "update_mlp.0.weight", sym_visibility = "private", type = tensor<64x128xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"update_mlp.2.weight"> : tensor<64x64xf32>, sym_name = "update_mlp.2.weight", sym_visibility = "private", type = tensor<64x64xf32>}> : () -> ()
  "func.func"() <{function_type = (!torch.vtensor<[2708,64],f32>, !torch.vtensor<[2,10556],si64>, !torch.vtensor<[10556,16],f32>) -> !torch.vtensor<[2708,64],f32>, sym_name = "main_graph"}> ({
  ^bb0(%arg0: !torch.vtensor<[2708,64],f32>, %arg1: !torch.vtensor<[2,10556],si64>, %arg2: !torch.vtensor<[10556,16],f32>):
    %0 = "util.global.load"() <{global = @message_mlp.0.weight}> : () -> tensor<64x144xf32>
    %1 = "torch_c.from_builtin_tensor"(%0) : (tensor<64x144xf32>) -> !torch.vtensor<[64,144],f32>
    %2 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_message_mlp.0.bias> : tensor<64xf32>} : () -> !torch.vtensor<[64],f32>
    %3 = "util.global.load"() <{global = @message_mlp.2.weight}> : () -> tensor<64x64xf32>
    %4 = "torch_c.from_builtin_tensor"(%3) : (tensor<64x64xf32>) -> !torch.vtensor<[64,64],f32>
    %5 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_message_mlp.2.bias> : tensor<64xf32>} : () -> !torch.vtensor<[64],f32>
    %6 = "util.global.load"() <{global = @update_mlp.0.weight}> : () -> tensor<64x128xf32>
    %7 = "torch_c.from_builtin_tensor"(%6) : (tensor<64x128xf32>) -> !torch.vtensor<[64,128],f32>
    %8 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_update_mlp.0.bias> : tensor<64xf32>} : () -> !torch.vtensor<[64],f32>
    %9 = "util.global.load"() <{global = @update_mlp.2.weight}> : () -> tensor<64x64xf32>
    %10 = "torch_c.from_builtin_tensor"(%9) : (tensor<64x64xf32>) -> !torch.vtensor<[64,64],f32>
    %11 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_update_mlp.2.bias> : tensor<64xf32>} : () -> !torch.vtensor<[64],f32>
    %12 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_11> : tensor<2xsi64>} : () -> !torch.vtensor<[2],si64>
    %13 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_15> : tensor<2xsi64>} : () -> !torch.vtensor<[2],si64>
    %14 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_0> : tensor<si64>} : () -> !torch.vtensor<[],si64>
    %15 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_1> : tensor<si64>} : () -> !torch.vtensor<[],si64>
    %16 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_2> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %17 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_16> : tensor<2xsi64>} : () -> !torch.vtensor<[2],si64>
    %18 = "torch.constant.none"() : () -> !torch.none
    %19 = "torch.operator"(%arg1, %14) <{name = "onnx.Gather"}> {torch.onnx.axis = 0 : si64} : (!torch.vtensor<[2,10556],si64>, !torch.vtensor<[],si64>) -> !torch.vtensor<[10556],si64>
    %20 = "torch.operator"(%arg1, %15) <{name = "onnx.Gather"}> {torch.onnx.axis = 0 : si64} : (!torch.vtensor<[2,10556],si64>, !torch.vtensor<[],si64>) -> !torch.vtensor<[10556],si64>
    %21 = "torch.operator"(%19, %16) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 0 : si64} : (!torch.vtensor<[10556],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[10556],si64>
    %22 = "torch.operator"(%arg0, %21) <{name = "onnx.Gather"}> {torch.onnx.axis = -2 : si64} : (!torch.vtensor<[2708,64],f32>, !torch.vtensor<[10556],si64>) -> !torch.vtensor<[10556,64],f32>
    %23 = "torch.operator"(%20, %16) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 0 : si64} : (!torch.vtensor<[10556],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[10556],si64>
    %24 = "torch.operator"(%arg0, %23) <{name = "onnx.Gather"}> {torch.onnx.axis = -2 : si64} : (!torch.vtensor<[2708,64],f32>, !torch.vtensor<[10556],si64>) -> !torch.vtensor<[10556,64],f32>
    %25 = "torch.operator"(%22, %24, %arg2) <{name = "onnx.Concat"}> {torch.onnx.axis = -1 : si64} : (!torch.vtensor<[10556,64],f32>, !torch.vtensor<[10556,64],f32>, !torch.vtensor<[10556,16],f32>) -> !torch.vtensor<[10556,144],f32>
    %26 = "torch.operator"(%25, %1, %2) <{name = "onnx.Gemm"}> {torch.onnx.alpha = 1.000000e+00 : f32, torch.onnx.beta = 1.000000e+00 : f32, torch.onnx.transA = 0 : si64, torch.onnx.transB = 1 : si64} : (!torch.vtensor<[10556,144],f32>, !torch.vtensor<[64,144],f32>, !torch.vtensor<[64],f32>) -> !torch.vtensor<[10556,64],f32>
    %27 = "torch.operator"(%26) <{name = "onnx.Relu"}> : (!torch.vtensor<[10556,64],f32>) -> !torch.vtensor<[10556,64],f32>
    %28 = "torch.operator"(%27, %4, %5) <{name = "onnx.Gemm"}> {torch.onnx.alpha = 1.000000e+00 : f32, torch.onnx.beta = 1.000000e+00 : f32, torch.onnx.transA = 0 : si64, torch.onnx.transB = 1 : si64} : (!torch.vtensor<[10556,64],f32>, !torch.vtensor<[64,64],f32>, !torch.vtensor<[64],f32>) -> !torch.vtensor<[10556,64],f32>
    %29 = "torch.operator"(%19, %12) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 1 : si64} : (!torch.vtensor<[10556],si64>, !torch.vtensor<[2],si64>) -> !torch.vtensor<[10556,1],si64>
    %30 = "torch.operator"(%29, %13) <{name = "onnx.Expand"}> : (!torch.vtensor<[10556,1],si64>, !torch.vtensor<[2],si64>) -> !torch.vtensor<[10556,64],si64>
    %31 = "torch.operator"(%17) <{name = "onnx.ConstantOfShape"}> : (!torch.vtensor<[2],si64>) -> !torch.vtensor<[2708,64],f32>
    %32 = "torch.operator"(%31, %30, %28) <{name = "onnx.ScatterElements"}> {torch.onnx.axis = 0 : si64, torch.onnx.reduction = "add"} : (!torch.vtensor<[2708,64],f32>, !torch.vtensor<[10556,64],si64>, !torch.vtensor<[10556,64],f32>) -> !torch.vtensor<[2708,64],f32>
    %33 = "torch.operator"(%arg0, %32) <{name = "onnx.Concat"}> {torch.onnx.axis = -1 : si64} : (!torch.vtensor<[2708,64],f32>, !torch.vtensor<[2708,64],f32>) -> !torch.vtensor<[2708,128],f32>
    %34 = "torch.operator"(%33, %7, %8) <{name = "onnx.Gemm"}> {torch.onnx.alpha = 1.000000e+00 : f32, torch.onnx.beta = 1.000000e+00 : f32, torch.onnx.transA = 0 : si64, torch.onnx.transB = 1 : si64} : (!torch.vtensor<[2708,128],f32>, !torch.vtensor<[64,128],f32>, !torch.vtensor<[64],f32>) -> !torch.vtensor<[2708,64],f32>
    %35 = "torch.operator"(%34) <{name = "onnx.Relu"}> : (!torch.vtensor<[2708,64],f32>) -> !torch.vtensor<[2708,64],f32>
    %36 = "torch.operator"(%35, %10, %11) <{name = "onnx.Gemm"}> {torch.onnx.alpha = 1.000000e+00 : f32, torch.onnx.beta = 1.000000e+00 : f32, torch.onnx.transA = 0 : si64, torch.onnx.transB = 1 : si64} : (!torch.vtensor<[2708,64],f32>, !torch.vtensor<[64,64],f32>, !torch.vtensor<[64],f32>) -> !torch.vtensor<[2708,64],f32>
    "func.return"(%36) : (!torch.vtensor<[2708,64],f32>) -> ()
  }) {torch.onnx_meta.ir_version = 10 : si64, torch.onnx_meta.opset_version = 18 : si64, torch.onnx_meta.producer_name = "pytorch", torch.onnx_meta.producer_version = "2.13.0+cpu"} : () -> ()
}) : () -> ()

{-#
  dialect_resources: {
    builtin: {
      _message_mlp.0.bias: "0x08000000FE1908BD5684043CABC61FBDD659573CA0F199BC664D5CBDEBCC983BEBC1033D2B807BBC561AC83A723BA9BDEB06E9BC96DEA9BDCE81A93D6798913D34ED93BD744583BD37BB90BDA098443D7BE98E3CE7AD9DBDE075D3BC0233803D56635ABA03339ABDD6D8EC3C5BACA93DBFA09B3D6BACEE3BF0A4BBBCD69B0E3C58D27B3D1B5C133DE08F8DBDEED6333D38375E3DA20291BDCB1B70BD0869693D3EE2343D581C95BDF633BC3C7B1F4E3DFB428A3C6011363D3B72DC3C1622C43CA6F7463D5693E8BC0034EF39204BA5BCCB9177BCDE9B033DA83604BD80C68FBB7465913D5641E03C6841A73D2B067DBBEB0AF7BCBC1B963D9E8756BDE0451F3DD851903D",
      _message_mlp.2.bias: "0x08000000763FE1BDF40C4DBD3ABF963DF0D49E3C7C914F3D4064B03BCC37EEBD7AD8B7BD40582DBDD25FACBD70769FBD58B825BD302FE43DD467C63D30CCCD3C6C39A4BD06499ABDF2AEFA3DF0BE7D3C30E6673CAA1491BD24B382BDE4B37B3D90B12FBC10D155BC3C3C7CBD98B3BDBD4C32A5BDA607FCBDC873EA3D784E963C905C8F3C0636C03DB89F803D089695BC74819E3DC06F033BB28CF9BDBC83CF3DF6D496BDA274C1BD508BECBC58F3F93C6660C93D9E6BFDBD6E93EFBDE898AABDC08C95BD9EB2FB3D0005FEBA40CEB93D8C5C103DE493953D08BA84BDF8E75E3DF0D8393DF83C303D2234C0BD906A30BDFE72D93D3011E0BC3AFAB9BD5CC3D8BDA0D2CFBC",
      _update_mlp.0.bias: "0x080000008F84C63C4AC5793D30F697393C6E843B099E81BD1ABC52BD7FC098BD9707A2BB430390BD5FCF37BD14E5B13C5D986FBD918F433DC4AB8C3D78A40B3D6827423DFA6467BDC2A31C3D33F84D3C70B667BC69D022BCA5C746BD69690E3CF2AAA8BD15E666BD3E0FD33CAB899B3C4124D8BB5278AEBD7C8276BD8D9F9EBD9A9FA93DC07E85BDE5C38C3DA2A6B53C3C4D1F3C8DF0D23CA74181BD73C60EBD09F63E3D5345CDBCB36393BD79FC283D73D01ABDCB4D65BDB8571B3D2097523D48984E3D8D418C3D4F470F3DDA8071BDD6BC233D9D9A24BD1EA1923B33CF683D69D353BD61E48FBDEE22A4BD440C6B3CBD520C3D4814813DB5ACA73D0E2CD83C8B32A33D",
      _update_mlp.2.bias: "0x08000000889732BD407CBA3BFE51EF3DFCFF10BD281DAE3C62A7AEBD00AA563ACCB2C73D903BC13CAAB5F2BD402E083B009FC1BC4C281DBD3E27E73DA65EBF3D6270BCBDD40EAB3D4800F43CF205E3BDFAA1853DB0F3AEBD945C22BD187C993C0088E0B94AB5A0BDA01DA6BBEAF0F93D5C6E0D3D52409A3D2AE8C5BD6606E13DD07324BC345A223DF8C8FDBD22F5BD3D4098823C30FAE6BCFAA3EB3D2CF9B33D4038533C4054323C901E453D9E5FC9BD04F943BD524BE2BDF288F53D54D3383D102C50BD3278DA3D6C10753DB6F3E0BDDCF864BDD8E2DB3D940580BDE4A00E3D6055CD3B00386FBC68D4143D1CDB003D58E3C93C003B79BB0098A1BD30CF95BC5A7D89BD",
      val_11: "0x08000000FFFFFFFFFFFFFFFF0100000000000000",
      val_15: "0x080000003C290000000000004000000000000000",
      val_0: "0x080000000100000000000000",
      val_1: "0x080000000000000000000000",
      val_2: "0x08000000FFFFFFFFFFFFFFFF",
      val_16: "0x08000000940A0000000000004000000000000000"
    }
  }
#-}

