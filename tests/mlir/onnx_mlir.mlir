module attributes {llvm.target_triple = "x86_64-unknown-linux-gnu"} {
  "func.func"() <{arg_attrs = [{onnx.dim_params = "0:batch", onnx.name = "image"}, {onnx.name = "flag"}], function_type = (tensor<?x1x8x8xf32>, tensor<i1>) -> (tensor<?x10xf32>, tensor<1xi64>), res_attrs = [{onnx.name = "logits"}, {onnx.name = "size"}], sym_name = "main_graph"}> ({
  ^bb0(%arg0: tensor<?x1x8x8xf32>, %arg1: tensor<i1>):
    %0 = "onnx.Constant"() {value = dense_resource<__elided__> : tensor<4x1x3x3xf32>} : () -> tensor<4x1x3x3xf32>
    %1 = "onnx.NoValue"() {value} : () -> none
    %2 = "onnx.Conv"(%arg0, %0, %1) {auto_pad = "NOTSET", dilations = [1, 1], group = 1 : si64, kernel_shape = [3, 3], onnx_node_name = "features/conv", pads = [1, 1, 1, 1], strides = [1, 1]} : (tensor<?x1x8x8xf32>, tensor<4x1x3x3xf32>, none) -> tensor<?x4x8x8xf32>
    %3 = "onnx.MaxPoolSingleOut"(%2) {auto_pad = "NOTSET", ceil_mode = 0 : si64, dilations = [1, 1], kernel_shape = [2, 2], onnx_node_name = "features/pool", pads = [0, 0, 0, 0], storage_order = 0 : si64, strides = [2, 2]} : (tensor<?x4x8x8xf32>) -> tensor<?x4x4x4xf32>
    %4 = "onnx.Dim"(%3) {axis = 0 : si64} : (tensor<?x4x4x4xf32>) -> tensor<1xi64>
    %5 = "onnx.Constant"() {value = dense<64> : tensor<1xi64>} : () -> tensor<1xi64>
    %6 = "onnx.Concat"(%4, %5) {axis = 0 : si64} : (tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
    %7 = "onnx.Reshape"(%3, %6) {allowzero = 0 : si64} : (tensor<?x4x4x4xf32>, tensor<2xi64>) -> tensor<?x64xf32>
    %8 = "onnx.UnsqueezeV11"(%7) {axes = [1]} : (tensor<?x64xf32>) -> tensor<?x1x64xf32>
    %9 = "onnx.SqueezeV11"(%8) {axes = [1]} : (tensor<?x1x64xf32>) -> tensor<?x64xf32>
    %10 = "onnx.Cast"(%9) {saturate = 1 : si64, to = f16} : (tensor<?x64xf32>) -> tensor<?x64xf16>
    %11 = "onnx.Constant"() {value = dense<2.5> : tensor<64x10xf16>} : () -> tensor<64x10xf16>
    %12 = "onnx.Custom"(%10, %11) {domain_name = "com.microsoft", function_name = "FusedMatMul", alpha = 1.000000e+00 : f32, inputs_for_infer = [0], onnx_node_name = "head"} : (tensor<?x64xf16>, tensor<64x10xf16>) -> tensor<?x10xf16>
    %13 = "onnx.If"(%arg1) ({
      %14 = "onnx.Cast"(%12) {to = f32} : (tensor<?x10xf16>) -> tensor<?x10xf32>
      "onnx.Yield"(%14) : (tensor<?x10xf32>) -> ()
    }, {
      %14 = "onnx.Cast"(%12) {to = f32} : (tensor<?x10xf16>) -> tensor<?x10xf32>
      %15 = "onnx.Relu"(%14) : (tensor<?x10xf32>) -> tensor<?x10xf32>
      "onnx.Yield"(%15) : (tensor<?x10xf32>) -> ()
    }) : (tensor<i1>) -> tensor<?x10xf32>
    "onnx.Return"(%13, %4) : (tensor<?x10xf32>, tensor<1xi64>) -> ()
  }) : () -> ()
  "onnx.EntryPoint"() {func = @main_graph} : () -> ()
}
