"builtin.module"() ({
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"c1.weight"> : tensor<6x1x5x5xf32>, sym_name = "c1.weight", sym_visibility = "private", type = tensor<6x1x5x5xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"c3.weight"> : tensor<16x6x5x5xf32>, sym_name = "c3.weight", sym_visibility = "private", type = tensor<16x6x5x5xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"c5.weight"> : tensor<120x16x5x5xf32>, sym_name = "c5.weight", sym_visibility = "private", type = tensor<120x16x5x5xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"c5.bias"> : tensor<120xf32>, sym_name = "c5.bias", sym_visibility = "private", type = tensor<120xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"f6.weight"> : tensor<84x120xf32>, sym_name = "f6.weight", sym_visibility = "private", type = tensor<84x120xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"output.weight"> : tensor<10x84xf32>, sym_name = "output.weight", sym_visibility = "private", type = tensor<10x84xf32>}> : () -> ()
  "func.func"() <{function_type = (!torch.vtensor<[1,1,32,32],f32>) -> !torch.vtensor<[1,10],f32>, sym_name = "main_graph"}> ({
  ^bb0(%arg0: !torch.vtensor<[1,1,32,32],f32>):
    %0 = "util.global.load"() <{global = @c1.weight}> : () -> tensor<6x1x5x5xf32>
    %1 = "torch_c.from_builtin_tensor"(%0) : (tensor<6x1x5x5xf32>) -> !torch.vtensor<[6,1,5,5],f32>
    %2 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_c1.bias> : tensor<6xf32>} : () -> !torch.vtensor<[6],f32>
    %3 = "util.global.load"() <{global = @c3.weight}> : () -> tensor<16x6x5x5xf32>
    %4 = "torch_c.from_builtin_tensor"(%3) : (tensor<16x6x5x5xf32>) -> !torch.vtensor<[16,6,5,5],f32>
    %5 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_c3.bias> : tensor<16xf32>} : () -> !torch.vtensor<[16],f32>
    %6 = "util.global.load"() <{global = @c5.weight}> : () -> tensor<120x16x5x5xf32>
    %7 = "torch_c.from_builtin_tensor"(%6) : (tensor<120x16x5x5xf32>) -> !torch.vtensor<[120,16,5,5],f32>
    %8 = "util.global.load"() <{global = @c5.bias}> : () -> tensor<120xf32>
    %9 = "torch_c.from_builtin_tensor"(%8) : (tensor<120xf32>) -> !torch.vtensor<[120],f32>
    %10 = "util.global.load"() <{global = @f6.weight}> : () -> tensor<84x120xf32>
    %11 = "torch_c.from_builtin_tensor"(%10) : (tensor<84x120xf32>) -> !torch.vtensor<[84,120],f32>
    %12 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_f6.bias> : tensor<84xf32>} : () -> !torch.vtensor<[84],f32>
    %13 = "util.global.load"() <{global = @output.weight}> : () -> tensor<10x84xf32>
    %14 = "torch_c.from_builtin_tensor"(%13) : (tensor<10x84xf32>) -> !torch.vtensor<[10,84],f32>
    %15 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_output.bias> : tensor<10xf32>} : () -> !torch.vtensor<[10],f32>
    %16 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_3> : tensor<2xsi64>} : () -> !torch.vtensor<[2],si64>
    %17 = "torch.constant.none"() : () -> !torch.none
    %18 = "torch.operator"(%arg0, %1, %2) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [5 : si64, 5 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,1,32,32],f32>, !torch.vtensor<[6,1,5,5],f32>, !torch.vtensor<[6],f32>) -> !torch.vtensor<[1,6,28,28],f32>
    %19 = "torch.operator"(%18) <{name = "onnx.Tanh"}> : (!torch.vtensor<[1,6,28,28],f32>) -> !torch.vtensor<[1,6,28,28],f32>
    %20 = "torch.operator"(%19) <{name = "onnx.AveragePool"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.ceil_mode = 0 : si64, torch.onnx.count_include_pad = 1 : si64, torch.onnx.kernel_shape = [2 : si64, 2 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [2 : si64, 2 : si64]} : (!torch.vtensor<[1,6,28,28],f32>) -> !torch.vtensor<[1,6,14,14],f32>
    %21 = "torch.operator"(%20, %4, %5) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [5 : si64, 5 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,6,14,14],f32>, !torch.vtensor<[16,6,5,5],f32>, !torch.vtensor<[16],f32>) -> !torch.vtensor<[1,16,10,10],f32>
    %22 = "torch.operator"(%21) <{name = "onnx.Tanh"}> : (!torch.vtensor<[1,16,10,10],f32>) -> !torch.vtensor<[1,16,10,10],f32>
    %23 = "torch.operator"(%22) <{name = "onnx.AveragePool"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.ceil_mode = 0 : si64, torch.onnx.count_include_pad = 1 : si64, torch.onnx.kernel_shape = [2 : si64, 2 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [2 : si64, 2 : si64]} : (!torch.vtensor<[1,16,10,10],f32>) -> !torch.vtensor<[1,16,5,5],f32>
    %24 = "torch.operator"(%23, %7, %9) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [5 : si64, 5 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,16,5,5],f32>, !torch.vtensor<[120,16,5,5],f32>, !torch.vtensor<[120],f32>) -> !torch.vtensor<[1,120,1,1],f32>
    %25 = "torch.operator"(%24) <{name = "onnx.Tanh"}> : (!torch.vtensor<[1,120,1,1],f32>) -> !torch.vtensor<[1,120,1,1],f32>
    %26 = "torch.operator"(%25, %16) <{name = "onnx.Reshape"}> {torch.onnx.allowzero = 1 : si64} : (!torch.vtensor<[1,120,1,1],f32>, !torch.vtensor<[2],si64>) -> !torch.vtensor<[1,120],f32>
    %27 = "torch.operator"(%26, %11, %12) <{name = "onnx.Gemm"}> {torch.onnx.alpha = 1.000000e+00 : f32, torch.onnx.beta = 1.000000e+00 : f32, torch.onnx.transA = 0 : si64, torch.onnx.transB = 1 : si64} : (!torch.vtensor<[1,120],f32>, !torch.vtensor<[84,120],f32>, !torch.vtensor<[84],f32>) -> !torch.vtensor<[1,84],f32>
    %28 = "torch.operator"(%27) <{name = "onnx.Tanh"}> : (!torch.vtensor<[1,84],f32>) -> !torch.vtensor<[1,84],f32>
    %29 = "torch.operator"(%28, %14, %15) <{name = "onnx.Gemm"}> {torch.onnx.alpha = 1.000000e+00 : f32, torch.onnx.beta = 1.000000e+00 : f32, torch.onnx.transA = 0 : si64, torch.onnx.transB = 1 : si64} : (!torch.vtensor<[1,84],f32>, !torch.vtensor<[10,84],f32>, !torch.vtensor<[10],f32>) -> !torch.vtensor<[1,10],f32>
    "func.return"(%29) : (!torch.vtensor<[1,10],f32>) -> ()
  }) {torch.onnx_meta.ir_version = 10 : si64, torch.onnx_meta.opset_version = 18 : si64, torch.onnx_meta.producer_name = "pytorch", torch.onnx_meta.producer_version = "2.13.0+cpu"} : () -> ()
}) : () -> ()

{-#
  dialect_resources: {
    builtin: {
      _c1.bias: "0x080000009AA93FBE57DA2CBEF32926BD8AA0E03D5372DD3D028445BE",
      _c3.bias: "0x08000000AABBA5BD4A6249BC6A85473A10DCDCBC6EB85BBDC7B568BDF4385E3DAC8BD8BCEB2DACBBAC44C43C2E464DBDCC78EE3B65ED463D978A43BDB499C23CD9C436BB",
      _f6.bias: "0x08000000356391BD99CB5CBCA0318B3D288E0D3DF26A78BDAC8410BDD4322ABD936DFD3C382AD73CBB9BDD3CF7797FBD4B7D873D84AB143D16592DBD0E5F383DD9D186BD89C3F6BC879584BD6B85D43C5FD7B6BDC3E35B3D825D9A3DADB4B33B4550973D0E9F9B3D91A205BC6A6351BD11B85A3D9785663D38B9A53B75EB073D91C978BDE27521BD65BDEB3CCDE3A0BC5CCF2D3D6F237F3DD867A73D8AED90BD59FD8EBDB5CFF23C1050B23CB13AB0BDCDAD663B1B3F97BDAC7030BC3FD5A53B69CDF1BB9500883D03509DBDFBF2CF3AC0C8B5BD627182BD3E8D06BD10CBA7BDCE7B973C18F5AB3D6E028F3DF905A03C5446B8BD16665C3D8C739FBC2232FFBC99124F3CA49313BD5E1F963DFC688EBC4CDA8A3DF7AF2FBC8EB68E3A28A49B3D5739C23BED2E4EBD0273AABDD075F5BC5F9E61BDC2C6033DEFB21FBD797378BD0A7D3BBD6D0911BCB0122CBD7D10AB3DB81C73BD",
      _output.bias: "0x0800000034D213BD545888BD363D593D11AE8C3D09C020BD69DD2E3D5F7C5EBD1426743D09571FB9C70BC03D",
      val_3: "0x0800000001000000000000007800000000000000"
    }
  }
#-}

