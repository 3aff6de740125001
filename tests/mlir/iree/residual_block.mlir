"builtin.module"() ({
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"conv1.weight"> : tensor<128x64x3x3xf32>, sym_name = "conv1.weight", sym_visibility = "private", type = tensor<128x64x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"conv2.weight"> : tensor<128x128x3x3xf32>, sym_name = "conv2.weight", sym_visibility = "private", type = tensor<128x128x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"shortcut.0.weight"> : tensor<128x64x1x1xf32>, sym_name = "shortcut.0.weight", sym_visibility = "private", type = tensor<128x64x1x1xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"conv1.weight_bias"> : tensor<128xf32>, sym_name = "conv1.weight_bias", sym_visibility = "private", type = tensor<128xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"conv2.weight_bias"> : tensor<128xf32>, sym_name = "conv2.weight_bias", sym_visibility = "private", type = tensor<128xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"shortcut.0.weight_bias"> : tensor<128xf32>, sym_name = "shortcut.0.weight_bias", sym_visibility = "private", type = tensor<128xf32>}> : () -> ()
  "func.func"() <{function_type = (!torch.vtensor<[1,64,56,56],f32>) -> !torch.vtensor<[1,128,28,28],f32>, sym_name = "main_graph"}> ({
  ^bb0(%arg0: !torch.vtensor<[1,64,56,56],f32>):
    %0 = "util.global.load"() <{global = @conv1.weight}> : () -> tensor<128x64x3x3xf32>
    %1 = "torch_c.from_builtin_tensor"(%0) : (tensor<128x64x3x3xf32>) -> !torch.vtensor<[128,64,3,3],f32>
    %2 = "util.global.load"() <{global = @conv2.weight}> : () -> tensor<128x128x3x3xf32>
    %3 = "torch_c.from_builtin_tensor"(%2) : (tensor<128x128x3x3xf32>) -> !torch.vtensor<[128,128,3,3],f32>
    %4 = "util.global.load"() <{global = @shortcut.0.weight}> : () -> tensor<128x64x1x1xf32>
    %5 = "torch_c.from_builtin_tensor"(%4) : (tensor<128x64x1x1xf32>) -> !torch.vtensor<[128,64,1,1],f32>
    %6 = "util.global.load"() <{global = @conv1.weight_bias}> : () -> tensor<128xf32>
    %7 = "torch_c.from_builtin_tensor"(%6) : (tensor<128xf32>) -> !torch.vtensor<[128],f32>
    %8 = "util.global.load"() <{global = @conv2.weight_bias}> : () -> tensor<128xf32>
    %9 = "torch_c.from_builtin_tensor"(%8) : (tensor<128xf32>) -> !torch.vtensor<[128],f32>
    %10 = "util.global.load"() <{global = @shortcut.0.weight_bias}> : () -> tensor<128xf32>
    %11 = "torch_c.from_builtin_tensor"(%10) : (tensor<128xf32>) -> !torch.vtensor<[128],f32>
    %12 = "torch.constant.none"() : () -> !torch.none
    %13 = "torch.operator"(%arg0, %1, %7) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [1 : si64, 1 : si64, 1 : si64, 1 : si64], torch.onnx.strides = [2 : si64, 2 : si64]} : (!torch.vtensor<[1,64,56,56],f32>, !torch.vtensor<[128,64,3,3],f32>, !torch.vtensor<[128],f32>) -> !torch.vtensor<[1,128,28,28],f32>
    %14 = "torch.operator"(%13) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,128,28,28],f32>) -> !torch.vtensor<[1,128,28,28],f32>
    %15 = "torch.operator"(%14, %3, %9) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [1 : si64, 1 : si64, 1 : si64, 1 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,128,28,28],f32>, !torch.vtensor<[128,128,3,3],f32>, !torch.vtensor<[128],f32>) -> !torch.vtensor<[1,128,28,28],f32>
    %16 = "torch.operator"(%arg0, %5, %11) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [1 : si64, 1 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [2 : si64, 2 : si64]} : (!torch.vtensor<[1,64,56,56],f32>, !torch.vtensor<[128,64,1,1],f32>, !torch.vtensor<[128],f32>) -> !torch.vtensor<[1,128,28,28],f32>
    %17 = "torch.operator"(%15, %16) <{name = "onnx.Add"}> : (!torch.vtensor<[1,128,28,28],f32>, !torch.vtensor<[1,128,28,28],f32>) -> !torch.vtensor<[1,128,28,28],f32>
    %18 = "torch.operator"(%17) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,128,28,28],f32>) -> !torch.vtensor<[1,128,28,28],f32>
    "func.return"(%18) : (!torch.vtensor<[1,128,28,28],f32>) -> ()
  }) {torch.onnx_meta.ir_version = 10 : si64, torch.onnx_meta.opset_version = 18 : si64, torch.onnx_meta.producer_name = "pytorch", torch.onnx_meta.producer_version = "2.13.0+cpu"} : () -> ()
}) : () -> ()

