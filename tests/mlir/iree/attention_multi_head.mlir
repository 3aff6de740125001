"builtin.module"() ({
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"query.bias"> : tensor<512xf32>, sym_name = "query.bias", sym_visibility = "private", type = tensor<512xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"key.bias"> : tensor<512xf32>, sym_name = "key.bias", sym_visibility = "private", type = tensor<512xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"value.bias"> : tensor<512xf32>, sym_name = "value.bias", sym_visibility = "private", type = tensor<512xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"output.bias"> : tensor<512xf32>, sym_name = "output.bias", sym_visibility = "private", type = tensor<512xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"val_0"> : tensor<512x512xf32>, sym_name = "val_0", sym_visibility = "private", type = tensor<512x512xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"val_8"> : tensor<512x512xf32>, sym_name = "val_8", sym_visibility = "private", type = tensor<512x512xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"val_16"> : tensor<512x512xf32>, sym_name = "val_16", sym_visibility = "private", type = tensor<512x512xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"val_59"> : tensor<512x512xf32>, sym_name = "val_59", sym_visibility = "private", type = tensor<512x512xf32>}> : () -> ()
  "func.func"() <{function_type = (!torch.vtensor<[1,64,512],f32>) -> !torch.vtensor<[1,64,512],f32>, sym_name = "main_graph"}> ({
  ^bb0(%arg0: !torch.vtensor<[1,64,512],f32>):
    %0 = "util.global.load"() <{global = @query.bias}> : () -> tensor<512xf32>
    %1 = "torch_c.from_builtin_tensor"(%0) : (tensor<512xf32>) -> !torch.vtensor<[512],f32>
    %2 = "util.global.load"() <{global = @key.bias}> : () -> tensor<512xf32>
    %3 = "torch_c.from_builtin_tensor"(%2) : (tensor<512xf32>) -> !torch.vtensor<[512],f32>
    %4 = "util.global.load"() <{global = @value.bias}> : () -> tensor<512xf32>
    %5 = "torch_c.from_builtin_tensor"(%4) : (tensor<512xf32>) -> !torch.vtensor<[512],f32>
    %6 = "util.global.load"() <{global = @output.bias}> : () -> tensor<512xf32>
    %7 = "torch_c.from_builtin_tensor"(%6) : (tensor<512xf32>) -> !torch.vtensor<[512],f32>
    %8 = "util.global.load"() <{global = @val_0}> : () -> tensor<512x512xf32>
    %9 = "torch_c.from_builtin_tensor"(%8) : (tensor<512x512xf32>) -> !torch.vtensor<[512,512],f32>
    %10 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_7> : tensor<4xsi64>} : () -> !torch.vtensor<[4],si64>
    %11 = "util.global.load"() <{global = @val_8}> : () -> tensor<512x512xf32>
    %12 = "torch_c.from_builtin_tensor"(%11) : (tensor<512x512xf32>) -> !torch.vtensor<[512,512],f32>
    %13 = "util.global.load"() <{global = @val_16}> : () -> tensor<512x512xf32>
    %14 = "torch_c.from_builtin_tensor"(%13) : (tensor<512x512xf32>) -> !torch.vtensor<[512,512],f32>
    %15 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_42> : tensor<3xsi64>} : () -> !torch.vtensor<[3],si64>
    %16 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_45> : tensor<4xsi64>} : () -> !torch.vtensor<[4],si64>
    %17 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_47> : tensor<1xf32>} : () -> !torch.vtensor<[1],f32>
    %18 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_58> : tensor<3xsi64>} : () -> !torch.vtensor<[3],si64>
    %19 = "util.global.load"() <{global = @val_59}> : () -> tensor<512x512xf32>
    %20 = "torch_c.from_builtin_tensor"(%19) : (tensor<512x512xf32>) -> !torch.vtensor<[512,512],f32>
    %21 = "torch.constant.none"() : () -> !torch.none
    %22 = "torch.operator"(%arg0, %9) <{name = "onnx.MatMul"}> : (!torch.vtensor<[1,64,512],f32>, !torch.vtensor<[512,512],f32>) -> !torch.vtensor<[1,64,512],f32>
    %23 = "torch.operator"(%22, %1) <{name = "onnx.Add"}> : (!torch.vtensor<[1,64,512],f32>, !torch.vtensor<[512],f32>) -> !torch.vtensor<[1,64,512],f32>
    %24 = "torch.operator"(%23, %10) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 1 : si64} : (!torch.vtensor<[1,64,512],f32>, !torch.vtensor<[4],si64>) -> !torch.vtensor<[1,64,8,64],f32>
    %25 = "torch.operator"(%24) <{name = "onnx.Transpose"}> {torch.onnx.perm = [0 : si64, 2 : si64, 1 : si64, 3 : si64]} : (!torch.vtensor<[1,64,8,64],f32>) -> !torch.vtensor<[1,8,64,64],f32>
    %26 = "torch.operator"(%arg0, %12) <{name = "onnx.MatMul"}> : (!torch.vtensor<[1,64,512],f32>, !torch.vtensor<[512,512],f32>) -> !torch.vtensor<[1,64,512],f32>
    %27 = "torch.operator"(%26, %3) <{name = "onnx.Add"}> : (!torch.vtensor<[1,64,512],f32>, !torch.vtensor<[512],f32>) -> !torch.vtensor<[1,64,512],f32>
    %28 = "torch.operator"(%27, %10) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 1 : si64} : (!torch.vtensor<[1,64,512],f32>, !torch.vtensor<[4],si64>) -> !torch.vtensor<[1,64,8,64],f32>
    %29 = "torch.operator"(%28) <{name = "onnx.Transpose"}> {torch.onnx.perm = [0 : si64, 2 : si64, 1 : si64, 3 : si64]} : (!torch.vtensor<[1,64,8,64],f32>) -> !torch.vtensor<[1,8,64,64],f32>
    %30 = "torch.operator"(%arg0, %14) <{name = "onnx.MatMul"}> : (!torch.vtensor<[1,64,512],f32>, !torch.vtensor<[512,512],f32>) -> !torch.vtensor<[1,64,512],f32>
    %31 = "torch.operator"(%30, %5) <{name = "onnx.Add"}> : (!torch.vtensor<[1,64,512],f32>, !torch.vtensor<[512],f32>) -> !torch.vtensor<[1,64,512],f32>
    %32 = "torch.operator"(%31, %10) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 1 : si64} : (!torch.vtensor<[1,64,512],f32>, !torch.vtensor<[4],si64>) -> !torch.vtensor<[1,64,8,64],f32>
    %33 = "torch.operator"(%32) <{name = "onnx.Transpose"}> {torch.onnx.perm = [0 : si64, 2 : si64, 1 : si64, 3 : si64]} : (!torch.vtensor<[1,64,8,64],f32>) -> !torch.vtensor<[1,8,64,64],f32>
    %34 = "torch.operator"(%29, %15) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 0 : si64} : (!torch.vtensor<[1,8,64,64],f32>, !torch.vtensor<[3],si64>) -> !torch.vtensor<[8,64,64],f32>
    %35 = "torch.operator"(%34) <{name = "onnx.Transpose"}> {torch.onnx.perm = [0 : si64, 2 : si64, 1 : si64]} : (!torch.vtensor<[8,64,64],f32>) -> !torch.vtensor<[8,64,64],f32>
    %36 = "torch.operator"(%35, %16) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 0 : si64} : (!torch.vtensor<[8,64,64],f32>, !torch.vtensor<[4],si64>) -> !torch.vtensor<[1,8,64,64],f32>
    %37 = "torch.operator"(%25, %17) <{name = "onnx.Mul"}> : (!torch.vtensor<[1,8,64,64],f32>, !torch.vtensor<[1],f32>) -> !torch.vtensor<[1,8,64,64],f32>
    %38 = "torch.operator"(%36, %17) <{name = "onnx.Mul"}> : (!torch.vtensor<[1,8,64,64],f32>, !torch.vtensor<[1],f32>) -> !torch.vtensor<[1,8,64,64],f32>
    %39 = "torch.operator"(%37, %38) <{name = "onnx.MatMul"}> : (!torch.vtensor<[1,8,64,64],f32>, !torch.vtensor<[1,8,64,64],f32>) -> !torch.vtensor<[1,8,64,64],f32>
    %40 = "torch.operator"(%39) <{name = "onnx.Softmax"}> {torch.onnx.axis = -1 : si64} : (!torch.vtensor<[1,8,64,64],f32>) -> !torch.vtensor<[1,8,64,64],f32>
    %41 = "torch.operator"(%40, %33) <{name = "onnx.MatMul"}> : (!torch.vtensor<[1,8,64,64],f32>, !torch.vtensor<[1,8,64,64],f32>) -> !torch.vtensor<[1,8,64,64],f32>
    %42 = "torch.operator"(%41) <{name = "onnx.Transpose"}> {torch.onnx.perm = [0 : si64, 2 : si64, 1 : si64, 3 : si64]} : (!torch.vtensor<[1,8,64,64],f32>) -> !torch.vtensor<[1,64,8,64],f32>
    %43 = "torch.operator"(%42, %18) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 1 : si64} : (!torch.vtensor<[1,64,8,64],f32>, !torch.vtensor<[3],si64>) -> !torch.vtensor<[1,64,512],f32>
    %44 = "torch.operator"(%43, %20) <{name = "onnx.MatMul"}> : (!torch.vtensor<[1,64,512],f32>, !torch.vtensor<[512,512],f32>) -> !torch.vtensor<[1,64,512],f32>
    %45 = "torch.operator"(%44, %7) <{name = "onnx.Add"}> : (!torch.vtensor<[1,64,512],f32>, !torch.vtensor<[512],f32>) -> !torch.vtensor<[1,64,512],f32>
    "func.return"(%45) : (!torch.vtensor<[1,64,512],f32>) -> ()
  }) {torch.onnx_meta.ir_version = 10 : si64, torch.onnx_meta.opset_version = 18 : si64, torch.onnx_meta.producer_name = "pytorch", torch.onnx_meta.producer_version = "2.13.0+cpu"} : () -> ()
}) : () -> ()

{-#
  dialect_resources: {
    builtin: {
      val_7: "0x080000000100000000000000400000000000000008000000000000004000000000000000",
      val_42: "0x08000000FFFFFFFFFFFFFFFF40000000000000004000000000000000",
      val_45: "0x080000000100000000000000080000000000000040000000000000004000000000000000",
      val_47: "0x08000000F304B53E",
      val_58: "0x08000000010000000000000040000000000000000002000000000000"
    }
  }
#-}

