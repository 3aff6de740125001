"builtin.module"() ({
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"weight_ih_l0"> : tensor<1024x128xf32>, sym_name = "weight_ih_l0", sym_visibility = "private", type = tensor<1024x128xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"weight_hh_l0"> : tensor<1024x256xf32>, sym_name = "weight_hh_l0", sym_visibility = "private", type = tensor<1024x256xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"val_15"> : tensor<1x1x256xf32>, sym_name = "val_15", sym_visibility = "private", type = tensor<1x1x256xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"val_63"> : tensor<1x2048xf32>, sym_name = "val_63", sym_visibility = "private", type = tensor<1x2048xf32>}> : () -> ()
  "func.func"() <{function_type = (!torch.vtensor<[10,1,128],f32>) -> (!torch.vtensor<[10,1,256],f32>, !torch.vtensor<[1,1,256],f32>, !torch.vtensor<[1,1,256],f32>), sym_name = "main_graph"}> ({
  ^bb0(%arg0: !torch.vtensor<[10,1,128],f32>):
    %0 = "util.global.load"() <{global = @weight_ih_l0}> : () -> tensor<1024x128xf32>
    %1 = "torch_c.from_builtin_tensor"(%0) : (tensor<1024x128xf32>) -> !torch.vtensor<[1024,128],f32>
    %2 = "util.global.load"() <{global = @weight_hh_l0}> : () -> tensor<1024x256xf32>
    %3 = "torch_c.from_builtin_tensor"(%2) : (tensor<1024x256xf32>) -> !torch.vtensor<[1024,256],f32>
    %4 = "util.global.load"() <{global = @val_15}> : () -> tensor<1x1x256xf32>
    %5 = "torch_c.from_builtin_tensor"(%4) : (tensor<1x1x256xf32>) -> !torch.vtensor<[1,1,256],f32>
    %6 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_19> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %7 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_23> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %8 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_27> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %9 = "util.global.load"() <{global = @val_63}> : () -> tensor<1x2048xf32>
    %10 = "torch_c.from_builtin_tensor"(%9) : (tensor<1x2048xf32>) -> !torch.vtensor<[1,2048],f32>
    %11 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_77> : tensor<3xsi64>} : () -> !torch.vtensor<[3],si64>
    %12 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_12> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %13 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_13> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %14 = "torch.constant.none"() : () -> !torch.none
    %15 = "torch.operator"(%1, %13, %12, %13) <{name = "onnx.Slice"}> : (!torch.vtensor<[1024,128],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[256,128],f32>
    %16 = "torch.operator"(%1, %12, %6, %13) <{name = "onnx.Slice"}> : (!torch.vtensor<[1024,128],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[256,128],f32>
    %17 = "torch.operator"(%1, %6, %7, %13) <{name = "onnx.Slice"}> : (!torch.vtensor<[1024,128],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[256,128],f32>
    %18 = "torch.operator"(%1, %7, %8, %13) <{name = "onnx.Slice"}> : (!torch.vtensor<[1024,128],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[256,128],f32>
    %19 = "torch.operator"(%3, %13, %12, %13) <{name = "onnx.Slice"}> : (!torch.vtensor<[1024,256],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[256,256],f32>
    %20 = "torch.operator"(%3, %12, %6, %13) <{name = "onnx.Slice"}> : (!torch.vtensor<[1024,256],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[256,256],f32>
    %21 = "torch.operator"(%3, %6, %7, %13) <{name = "onnx.Slice"}> : (!torch.vtensor<[1024,256],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[256,256],f32>
    %22 = "torch.operator"(%3, %7, %8, %13) <{name = "onnx.Slice"}> : (!torch.vtensor<[1024,256],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[256,256],f32>
    %23 = "torch.operator"(%15, %18, %16, %17) <{name = "onnx.Concat"}> {torch.onnx.axis = 0 : si64} : (!torch.vtensor<[256,128],f32>, !torch.vtensor<[256,128],f32>, !torch.vtensor<[256,128],f32>, !torch.vtensor<[256,128],f32>) -> !torch.vtensor<[1024,128],f32>
    %24 = "torch.operator"(%19, %22, %20, %21) <{name = "onnx.Concat"}> {torch.onnx.axis = 0 : si64} : (!torch.vtensor<[256,256],f32>, !torch.vtensor<[256,256],f32>, !torch.vtensor<[256,256],f32>, !torch.vtensor<[256,256],f32>) -> !torch.vtensor<[1024,256],f32>
    %25 = "torch.operator"(%23, %13) <{name = "onnx.Unsqueeze"}> : (!torch.vtensor<[1024,128],f32>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[1,1024,128],f32>
    %26 = "torch.operator"(%24, %13) <{name = "onnx.Unsqueeze"}> : (!torch.vtensor<[1024,256],f32>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[1,1024,256],f32>
    %27:3 = "torch.operator"(%arg0, %25, %26, %10, %14, %5, %5) <{name = "onnx.LSTM"}> {torch.onnx.direction = "forward", torch.onnx.hidden_size = 256 : si64, torch.onnx.input_forget = 0 : si64, torch.onnx.layout = 0 : si64} : (!torch.vtensor<[10,1,128],f32>, !torch.vtensor<[1,1024,128],f32>, !torch.vtensor<[1,1024,256],f32>, !torch.vtensor<[1,2048],f32>, !torch.none, !torch.vtensor<[1,1,256],f32>, !torch.vtensor<[1,1,256],f32>) -> (!torch.vtensor<[10,1,1,256],f32>, !torch.vtensor<[1,1,256],f32>, !torch.vtensor<[1,1,256],f32>)
    %28 = "torch.operator"(%27#0) <{name = "onnx.Transpose"}> {torch.onnx.perm = [0 : si64, 2 : si64, 1 : si64, 3 : si64]} : (!torch.vtensor<[10,1,1,256],f32>) -> !torch.vtensor<[10,1,1,256],f32>
    %29 = "torch.operator"(%28, %11) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 0 : si64} : (!torch.vtensor<[10,1,1,256],f32>, !torch.vtensor<[3],si64>) -> !torch.vtensor<[10,1,256],f32>
    "func.return"(%29, %27#1, %27#2) : (!torch.vtensor<[10,1,256],f32>, !torch.vtensor<[1,1,256],f32>, !torch.vtensor<[1,1,256],f32>) -> ()
  }) {torch.onnx_meta.ir_version = 10 : si64, torch.onnx_meta.opset_version = 18 : si64, torch.onnx_meta.producer_name = "pytorch", torch.onnx_meta.producer_version = "2.13.0+cpu"} : () -> ()
}) : () -> ()

{-#
  dialect_resources: {
    builtin: {
      val_19: "0x080000000002000000000000",
      val_23: "0x080000000003000000000000",
      val_27: "0x080000000004000000000000",
      val_77: "0x080000000A0000000000000001000000000000000001000000000000",
      val_12: "0x080000000001000000000000",
      val_13: "0x080000000000000000000000"
    }
  }
#-}

