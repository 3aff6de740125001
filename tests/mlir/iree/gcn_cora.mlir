"builtin.module"() ({
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"conv1.lin.weight"> : tensor<16x1433xf32>, sym_name = "conv1.lin.weight", sym_visibility = "private", type = tensor<16x1433xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"conv2.lin.weight"> : tensor<7x16xf32>, sym_name = "conv2.lin.weight", sym_visibility = "private", type = tensor<7x16xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"ones"> : tensor<13264xf32>, sym_name = "ones", sym_visibility = "private", type = tensor<13264xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"ones_1"> : tensor<13264xf32>, sym_name = "ones_1", sym_visibility = "private", type = tensor<13264xf32>}> : () -> ()
  "func.func"() <{function_type = (!torch.vtensor<[2708,1433],f32>, !torch.vtensor<[2,13264],si64>) -> !torch.vtensor<[2708,7],f32>, sym_name = "main_graph"}> ({
  ^bb0(%arg0: !torch.vtensor<[2708,1433],f32>, %arg1: !torch.vtensor<[2,13264],si64>):
    %0 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_conv1.bias> : tensor<16xf32>} : () -> !torch.vtensor<[16],f32>
    %1 = "util.global.load"() <{global = @conv1.lin.weight}> : () -> tensor<16x1433xf32>
    %2 = "torch_c.from_builtin_tensor"(%1) : (tensor<16x1433xf32>) -> !torch.vtensor<[16,1433],f32>
    %3 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_conv2.bias> : tensor<7xf32>} : () -> !torch.vtensor<[7],f32>
    %4 = "util.global.load"() <{global = @conv2.lin.weight}> : () -> tensor<7x16xf32>
    %5 = "torch_c.from_builtin_tensor"(%4) : (tensor<7x16xf32>) -> !torch.vtensor<[7,16],f32>
    %6 = "util.global.load"() <{global = @ones}> : () -> tensor<13264xf32>
    %7 = "torch_c.from_builtin_tensor"(%6) : (tensor<13264xf32>) -> !torch.vtensor<[13264],f32>
    %8 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_8> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %9 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_16> : tensor<f32>} : () -> !torch.vtensor<[],f32>
    %10 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_38> : tensor<2xsi64>} : () -> !torch.vtensor<[2],si64>
    %11 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_46> : tensor<2xsi64>} : () -> !torch.vtensor<[2],si64>
    %12 = "util.global.load"() <{global = @ones_1}> : () -> tensor<13264xf32>
    %13 = "torch_c.from_builtin_tensor"(%12) : (tensor<13264xf32>) -> !torch.vtensor<[13264],f32>
    %14 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_89> : tensor<2xsi64>} : () -> !torch.vtensor<[2],si64>
    %15 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_4> : tensor<si64>} : () -> !torch.vtensor<[],si64>
    %16 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_5> : tensor<si64>} : () -> !torch.vtensor<[],si64>
    %17 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_12> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %18 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_14> : tensor<f32>} : () -> !torch.vtensor<[],f32>
    %19 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_15> : tensor<f32>} : () -> !torch.vtensor<[],f32>
    %20 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_47> : tensor<2xsi64>} : () -> !torch.vtensor<[2],si64>
    %21 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_90> : tensor<2xsi64>} : () -> !torch.vtensor<[2],si64>
    %22 = "torch.constant.none"() : () -> !torch.none
    %23 = "torch.operator"(%arg1, %15) <{name = "onnx.Gather"}> {torch.onnx.axis = 0 : si64} : (!torch.vtensor<[2,13264],si64>, !torch.vtensor<[],si64>) -> !torch.vtensor<[13264],si64>
    %24 = "torch.operator"(%arg1, %16) <{name = "onnx.Gather"}> {torch.onnx.axis = 0 : si64} : (!torch.vtensor<[2,13264],si64>, !torch.vtensor<[],si64>) -> !torch.vtensor<[13264],si64>
    %25 = "torch.operator"(%24, %8) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 1 : si64} : (!torch.vtensor<[13264],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[13264],si64>
    %26 = "torch.operator"(%17) <{name = "onnx.ConstantOfShape"}> : (!torch.vtensor<[1],si64>) -> !torch.vtensor<[2708],f32>
    %27 = "torch.operator"(%26, %25, %7) <{name = "onnx.ScatterElements"}> {torch.onnx.axis = 0 : si64, torch.onnx.reduction = "add"} : (!torch.vtensor<[2708],f32>, !torch.vtensor<[13264],si64>, !torch.vtensor<[13264],f32>) -> !torch.vtensor<[2708],f32>
    %28 = "torch.operator"(%27, %18) <{name = "onnx.Pow"}> : (!torch.vtensor<[2708],f32>, !torch.vtensor<[],f32>) -> !torch.vtensor<[2708],f32>
    %29 = "torch.operator"(%28, %19) <{name = "onnx.Equal"}> : (!torch.vtensor<[2708],f32>, !torch.vtensor<[],f32>) -> !torch.vtensor<[2708],i1>
    %30 = "torch.operator"(%29, %9, %28) <{name = "onnx.Where"}> : (!torch.vtensor<[2708],i1>, !torch.vtensor<[],f32>, !torch.vtensor<[2708],f32>) -> !torch.vtensor<[2708],f32>
    %31 = "torch.operator"(%23, %8) <{name = "onnx.Unsqueeze"}> : (!torch.vtensor<[13264],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[13264,1],si64>
    %32 = "torch.operator"(%30, %31) <{name = "onnx.GatherND"}> {torch.onnx.batch_dims = 0 : si64} : (!torch.vtensor<[2708],f32>, !torch.vtensor<[13264,1],si64>) -> !torch.vtensor<[13264],f32>
    %33 = "torch.operator"(%32, %7) <{name = "onnx.Mul"}> : (!torch.vtensor<[13264],f32>, !torch.vtensor<[13264],f32>) -> !torch.vtensor<[13264],f32>
    %34 = "torch.operator"(%24, %8) <{name = "onnx.Unsqueeze"}> : (!torch.vtensor<[13264],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[13264,1],si64>
    %35 = "torch.operator"(%30, %34) <{name = "onnx.GatherND"}> {torch.onnx.batch_dims = 0 : si64} : (!torch.vtensor<[2708],f32>, !torch.vtensor<[13264,1],si64>) -> !torch.vtensor<[13264],f32>
    %36 = "torch.operator"(%33, %35) <{name = "onnx.Mul"}> : (!torch.vtensor<[13264],f32>, !torch.vtensor<[13264],f32>) -> !torch.vtensor<[13264],f32>
    %37 = "torch.operator"(%arg0, %2) <{name = "onnx.Gemm"}> {torch.onnx.alpha = 1.000000e+00 : f32, torch.onnx.beta = 1.000000e+00 : f32, torch.onnx.transA = 0 : si64, torch.onnx.transB = 1 : si64} : (!torch.vtensor<[2708,1433],f32>, !torch.vtensor<[16,1433],f32>) -> !torch.vtensor<[2708,16],f32>
    %38 = "torch.operator"(%23, %8) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 0 : si64} : (!torch.vtensor<[13264],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[13264],si64>
    %39 = "torch.operator"(%37, %38) <{name = "onnx.Gather"}> {torch.onnx.axis = -2 : si64} : (!torch.vtensor<[2708,16],f32>, !torch.vtensor<[13264],si64>) -> !torch.vtensor<[13264,16],f32>
    %40 = "torch.operator"(%36, %10) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 1 : si64} : (!torch.vtensor<[13264],f32>, !torch.vtensor<[2],si64>) -> !torch.vtensor<[13264,1],f32>
    %41 = "torch.operator"(%40, %39) <{name = "onnx.Mul"}> : (!torch.vtensor<[13264,1],f32>, !torch.vtensor<[13264,16],f32>) -> !torch.vtensor<[13264,16],f32>
    %42 = "torch.operator"(%24, %10) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 1 : si64} : (!torch.vtensor<[13264],si64>, !torch.vtensor<[2],si64>) -> !torch.vtensor<[13264,1],si64>
    %43 = "torch.operator"(%42, %11) <{name = "onnx.Expand"}> : (!torch.vtensor<[13264,1],si64>, !torch.vtensor<[2],si64>) -> !torch.vtensor<[13264,16],si64>
    %44 = "torch.operator"(%20) <{name = "onnx.ConstantOfShape"}> : (!torch.vtensor<[2],si64>) -> !torch.vtensor<[2708,16],f32>
    %45 = "torch.operator"(%44, %43, %41) <{name = "onnx.ScatterElements"}> {torch.onnx.axis = 0 : si64, torch.onnx.reduction = "add"} : (!torch.vtensor<[2708,16],f32>, !torch.vtensor<[13264,16],si64>, !torch.vtensor<[13264,16],f32>) -> !torch.vtensor<[2708,16],f32>
    %46 = "torch.operator"(%45, %0) <{name = "onnx.Add"}> : (!torch.vtensor<[2708,16],f32>, !torch.vtensor<[16],f32>) -> !torch.vtensor<[2708,16],f32>
    %47 = "torch.operator"(%46) <{name = "onnx.Relu"}> : (!torch.vtensor<[2708,16],f32>) -> !torch.vtensor<[2708,16],f32>
    %48 = "torch.operator"(%26, %25, %13) <{name = "onnx.ScatterElements"}> {torch.onnx.axis = 0 : si64, torch.onnx.reduction = "add"} : (!torch.vtensor<[2708],f32>, !torch.vtensor<[13264],si64>, !torch.vtensor<[13264],f32>) -> !torch.vtensor<[2708],f32>
    %49 = "torch.operator"(%48, %18) <{name = "onnx.Pow"}> : (!torch.vtensor<[2708],f32>, !torch.vtensor<[],f32>) -> !torch.vtensor<[2708],f32>
    %50 = "torch.operator"(%49, %19) <{name = "onnx.Equal"}> : (!torch.vtensor<[2708],f32>, !torch.vtensor<[],f32>) -> !torch.vtensor<[2708],i1>
    %51 = "torch.operator"(%50, %9, %49) <{name = "onnx.Where"}> : (!torch.vtensor<[2708],i1>, !torch.vtensor<[],f32>, !torch.vtensor<[2708],f32>) -> !torch.vtensor<[2708],f32>
    %52 = "torch.operator"(%51, %31) <{name = "onnx.GatherND"}> {torch.onnx.batch_dims = 0 : si64} : (!torch.vtensor<[2708],f32>, !torch.vtensor<[13264,1],si64>) -> !torch.vtensor<[13264],f32>
    %53 = "torch.operator"(%52, %13) <{name = "onnx.Mul"}> : (!torch.vtensor<[13264],f32>, !torch.vtensor<[13264],f32>) -> !torch.vtensor<[13264],f32>
    %54 = "torch.operator"(%51, %34) <{name = "onnx.GatherND"}> {torch.onnx.batch_dims = 0 : si64} : (!torch.vtensor<[2708],f32>, !torch.vtensor<[13264,1],si64>) -> !torch.vtensor<[13264],f32>
    %55 = "torch.operator"(%53, %54) <{name = "onnx.Mul"}> : (!torch.vtensor<[13264],f32>, !torch.vtensor<[13264],f32>) -> !torch.vtensor<[13264],f32>
    %56 = "torch.operator"(%47, %5) <{name = "onnx.Gemm"}> {torch.onnx.alpha = 1.000000e+00 : f32, torch.onnx.beta = 1.000000e+00 : f32, torch.onnx.transA = 0 : si64, torch.onnx.transB = 1 : si64} : (!torch.vtensor<[2708,16],f32>, !torch.vtensor<[7,16],f32>) -> !torch.vtensor<[2708,7],f32>
    %57 = "torch.operator"(%56, %38) <{name = "onnx.Gather"}> {torch.onnx.axis = -2 : si64} : (!torch.vtensor<[2708,7],f32>, !torch.vtensor<[13264],si64>) -> !torch.vtensor<[13264,7],f32>
    %58 = "torch.operator"(%55, %10) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 1 : si64} : (!torch.vtensor<[13264],f32>, !torch.vtensor<[2],si64>) -> !torch.vtensor<[13264,1],f32>
    %59 = "torch.operator"(%58, %57) <{name = "onnx.Mul"}> : (!torch.vtensor<[13264,1],f32>, !torch.vtensor<[13264,7],f32>) -> !torch.vtensor<[13264,7],f32>
    %60 = "torch.operator"(%42, %14) <{name = "onnx.Expand"}> : (!torch.vtensor<[13264,1],si64>, !torch.vtensor<[2],si64>) -> !torch.vtensor<[13264,7],si64>
    %61 = "torch.operator"(%21) <{name = "onnx.ConstantOfShape"}> : (!torch.vtensor<[2],si64>) -> !torch.vtensor<[2708,7],f32>
    %62 = "torch.operator"(%61, %60, %59) <{name = "onnx.ScatterElements"}> {torch.onnx.axis = 0 : si64, torch.onnx.reduction = "add"} : (!torch.vtensor<[2708,7],f32>, !torch.vtensor<[13264,7],si64>, !torch.vtensor<[13264,7],f32>) -> !torch.vtensor<[2708,7],f32>
    %63 = "torch.operator"(%62, %3) <{name = "onnx.Add"}> : (!torch.vtensor<[2708,7],f32>, !torch.vtensor<[7],f32>) -> !torch.vtensor<[2708,7],f32>
    %64 = "torch.operator"(%63) <{name = "onnx.LogSoftmax"}> {torch.onnx.axis = -1 : si64} : (!torch.vtensor<[2708,7],f32>) -> !torch.vtensor<[2708,7],f32>
    "func.return"(%64) : (!torch.vtensor<[2708,7],f32>) -> ()
  }) {torch.onnx_meta.ir_version = 10 : si64, torch.onnx_meta.opset_version = 18 : si64, torch.onnx_meta.producer_name = "pytorch", torch.onnx_meta.producer_version = "2.13.0+cpu"} : () -> ()
}) : () -> ()

{-#
  dialect_resources: {
    builtin: {
      _conv1.bias: "0x0800000077C3993CA1F5B9BB9D59F8BBFBD7293C33AED0BBC46509BC59B13BBAD9F7D03B79B8EDBBB7AD843C39059E3B4B71143B3C1167BCAB5AACBB4FDA99BC6A8AB6BB",
      _conv2.bias: "0x0800000033BFC03B8BEF8E3B442583BCD580D53B671BAABA177A90BBF55F4DBC",
      val_8: "0x08000000FFFFFFFFFFFFFFFF",
      val_16: "0x0800000000000000",
      val_38: "0x08000000FFFFFFFFFFFFFFFF0100000000000000",
      val_46: "0x08000000D0330000000000001000000000000000",
      val_89: "0x08000000D0330000000000000700000000000000",
      val_4: "0x080000000000000000000000",
      val_5: "0x080000000100000000000000",
      val_12: "0x08000000940A000000000000",
      val_14: "0x08000000000000BF",
      val_15: "0x080000000000807F",
      val_47: "0x08000000940A0000000000001000000000000000",
      val_90: "0x08000000940A0000000000000700000000000000"
    }
  }
#-}

