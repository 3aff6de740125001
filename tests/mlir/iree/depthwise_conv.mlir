"builtin.module"() ({
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"weight"> : tensor<32x1x3x3xf32>, sym_name = "weight", sym_visibility = "private", type = tensor<32x1x3x3xf32>}> : () -> ()
  "func.func"() <{function_type = (!torch.vtensor<[1,32,56,56],f32>) -> !torch.vtensor<[1,32,56,56],f32>, sym_name = "main_graph"}> ({
  ^bb0(%arg0: !torch.vtensor<[1,32,56,56],f32>):
    %0 = "util.global.load"() <{global = @weight}> : () -> tensor<32x1x3x3xf32>
    %1 = "torch_c.from_builtin_tensor"(%0) : (tensor<32x1x3x3xf32>) -> !torch.vtensor<[32,1,3,3],f32>
    %2 = "torch.constant.none"() : () -> !torch.none
    %3 = "torch.operator"(%arg0, %1) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 32 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [1 : si64, 1 : si64, 1 : si64, 1 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,32,56,56],f32>, !torch.vtensor<[32,1,3,3],f32>) -> !torch.vtensor<[1,32,56,56],f32>
    "func.return"(%3) : (!torch.vtensor<[1,32,56,56],f32>) -> ()
  }) {torch.onnx_meta.ir_version = 10 : si64, torch.onnx_meta.opset_version = 18 : si64, torch.onnx_meta.producer_name = "pytorch", torch.onnx_meta.producer_version = "2.13.0+cpu"} : () -> ()
}) : () -> ()

