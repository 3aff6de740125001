"builtin.module"() ({
  "func.func"() <{function_type = (!torch.vtensor<[5,3],f32>) -> (!torch.vtensor<[3],f32>, !torch.vtensor<[5,3],f32>), sym_name = "g"}> ({
  ^bb0(%arg0: !torch.vtensor<[5,3],f32>):
    %0 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense<0.000000e+00> : tensor<3xf32>} : () -> !torch.vtensor<[3],f32>
    %1 = "torch.constant.none"() : () -> !torch.none
    %2:2 = "torch.operator"(%0, %arg0) <{name = "onnx.Scan"}> ({
    ^bb0(%arg1: !torch.vtensor<[3],f32>, %arg2: !torch.vtensor<[3],f32>):
      %3 = "torch.constant.none"() : () -> !torch.none
      %4 = "torch.operator"(%arg1, %arg2) <{name = "onnx.Add"}> : (!torch.vtensor<[3],f32>, !torch.vtensor<[3],f32>) -> !torch.vtensor<[3],f32>
      %5 = "torch.operator"(%4) <{name = "onnx.Sqrt"}> : (!torch.vtensor<[3],f32>) -> !torch.vtensor<[3],f32>
      "torch.operator_terminator"(%4, %5) : (!torch.vtensor<[3],f32>, !torch.vtensor<[3],f32>) -> ()
    }) {torch.onnx.num_scan_inputs = 1 : si64} : (!torch.vtensor<[3],f32>, !torch.vtensor<[5,3],f32>) -> (!torch.vtensor<[3],f32>, !torch.vtensor<[5,3],f32>)
    "func.return"(%2#0, %2#1) : (!torch.vtensor<[3],f32>, !torch.vtensor<[5,3],f32>) -> ()
  }) {torch.onnx_meta.ir_version = 10 : si64, torch.onnx_meta.opset_version = 21 : si64, torch.onnx_meta.opset_versions = {com.microsoft = 1 : si64, own = 1 : si64}, torch.onnx_meta.producer_name = "", torch.onnx_meta.producer_version = ""} : () -> ()
}) : () -> ()

