"builtin.module"() ({
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"val_0"> : tensor<128x128xf32>, sym_name = "val_0", sym_visibility = "private", type = tensor<128x128xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"val_1"> : tensor<128x128xf32>, sym_name = "val_1", sym_visibility = "private", type = tensor<128x128xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"val_2"> : tensor<128x128xf32>, sym_name = "val_2", sym_visibility = "private", type = tensor<128x128xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"bitwise_not"> : tensor<64x64xi1>, sym_name = "bitwise_not", sym_visibility = "private", type = tensor<64x64xi1>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"val_11"> : tensor<128x128xf32>, sym_name = "val_11", sym_visibility = "private", type = tensor<128x128xf32>}> : () -> ()
  "func.func"() <{function_type = (!torch.vtensor<[1,64,128],f32>) -> !torch.vtensor<[1,64,128],f32>, sym_name = "main_graph"}> ({
  ^bb0(%arg0: !torch.vtensor<[1,64,128],f32>):
    %0 = "util.global.load"() <{global = @val_0}> : () -> tensor<128x128xf32>
    %1 = "torch_c.from_builtin_tensor"(%0) : (tensor<128x128xf32>) -> !torch.vtensor<[128,128],f32>
    %2 = "util.global.load"() <{global = @val_1}> : () -> tensor<128x128xf32>
    %3 = "torch_c.from_builtin_tensor"(%2) : (tensor<128x128xf32>) -> !torch.vtensor<[128,128],f32>
    %4 = "util.global.load"() <{global = @val_2}> : () -> tensor<128x128xf32>
    %5 = "torch_c.from_builtin_tensor"(%4) : (tensor<128x128xf32>) -> !torch.vtensor<[128,128],f32>
    %6 = "util.global.load"() <{global = @bitwise_not}> : () -> tensor<64x64xi1>
    %7 = "torch_c.from_builtin_tensor"(%6) : (tensor<64x64xi1>) -> !torch.vtensor<[64,64],i1>
    %8 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_10> : tensor<f32>} : () -> !torch.vtensor<[],f32>
    %9 = "util.global.load"() <{global = @val_11}> : () -> tensor<128x128xf32>
    %10 = "torch_c.from_builtin_tensor"(%9) : (tensor<128x128xf32>) -> !torch.vtensor<[128,128],f32>
    %11 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_3> : tensor<f32>} : () -> !torch.vtensor<[],f32>
    %12 = "torch.constant.none"() : () -> !torch.none
    %13 = "torch.operator"(%arg0, %1) <{name = "onnx.MatMul"}> : (!torch.vtensor<[1,64,128],f32>, !torch.vtensor<[128,128],f32>) -> !torch.vtensor<[1,64,128],f32>
    %14 = "torch.operator"(%arg0, %3) <{name = "onnx.MatMul"}> : (!torch.vtensor<[1,64,128],f32>, !torch.vtensor<[128,128],f32>) -> !torch.vtensor<[1,64,128],f32>
    %15 = "torch.operator"(%arg0, %5) <{name = "onnx.MatMul"}> : (!torch.vtensor<[1,64,128],f32>, !torch.vtensor<[128,128],f32>) -> !torch.vtensor<[1,64,128],f32>
    %16 = "torch.operator"(%14) <{name = "onnx.Transpose"}> {torch.onnx.perm = [0 : si64, 2 : si64, 1 : si64]} : (!torch.vtensor<[1,64,128],f32>) -> !torch.vtensor<[1,128,64],f32>
    %17 = "torch.operator"(%13, %16) <{name = "onnx.MatMul"}> : (!torch.vtensor<[1,64,128],f32>, !torch.vtensor<[1,128,64],f32>) -> !torch.vtensor<[1,64,64],f32>
    %18 = "torch.operator"(%17, %11) <{name = "onnx.Mul"}> : (!torch.vtensor<[1,64,64],f32>, !torch.vtensor<[],f32>) -> !torch.vtensor<[1,64,64],f32>
    %19 = "torch.operator"(%7, %8, %18) <{name = "onnx.Where"}> : (!torch.vtensor<[64,64],i1>, !torch.vtensor<[],f32>, !torch.vtensor<[1,64,64],f32>) -> !torch.vtensor<[1,64,64],f32>
    %20 = "torch.operator"(%19) <{name = "onnx.Softmax"}> {torch.onnx.axis = -1 : si64} : (!torch.vtensor<[1,64,64],f32>) -> !torch.vtensor<[1,64,64],f32>
    %21 = "torch.operator"(%20, %15) <{name = "onnx.MatMul"}> : (!torch.vtensor<[1,64,64],f32>, !torch.vtensor<[1,64,128],f32>) -> !torch.vtensor<[1,64,128],f32>
    %22 = "torch.operator"(%21, %10) <{name = "onnx.MatMul"}> : (!torch.vtensor<[1,64,128],f32>, !torch.vtensor<[128,128],f32>) -> !torch.vtensor<[1,64,128],f32>
    "func.return"(%22) : (!torch.vtensor<[1,64,128],f32>) -> ()
  }) {torch.onnx_meta.ir_version = 10 : si64, torch.onnx_meta.opset_version = 18 : si64, torch.onnx_meta.producer_name = "pytorch", torch.onnx_meta.producer_version = "2.13.0+cpu"} : () -> ()
}) : () -> ()

{-#
  dialect_resources: {
    builtin: {
      val_10: "0x08000000000080FF",
      val_3: "0x08000000F304B53D"
    }
  }
#-}

