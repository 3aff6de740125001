"builtin.module"() ({
  "func.func"() <{function_type = (!torch.vtensor<[2,4],f32>, !torch.vtensor<[],i1>) -> !torch.vtensor<[2,4],f32>, sym_name = "g"}> ({
  ^bb0(%arg0: !torch.vtensor<[2,4],f32>, %arg1: !torch.vtensor<[],i1>):
    %0 = "torch.constant.none"() : () -> !torch.none
    %1 = "torch.operator"(%arg0) <{name = "onnx.Neg"}> : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
    %2 = "torch.operator"(%arg1) <{name = "onnx.If"}> ({
      %7 = "torch.constant.none"() : () -> !torch.none
      %8 = "torch.operator"(%1) <{name = "onnx.Exp"}> : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
      "torch.operator_terminator"(%8) : (!torch.vtensor<[2,4],f32>) -> ()
    }, {
      %3 = "torch.constant.none"() : () -> !torch.none
      %4 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense<2.000000e+00> : tensor<f32>} : () -> !torch.vtensor<[],f32>
      %5 = "torch.operator"(%1, %4) <{name = "onnx.Mul"}> : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[],f32>) -> !torch.vtensor<[2,4],f32>
      %6 = "torch.operator"(%5, %arg0) <{name = "onnx.Add"}> : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
      "torch.operator_terminator"(%6) : (!torch.vtensor<[2,4],f32>) -> ()
    }) : (!torch.vtensor<[],i1>) -> !torch.vtensor<[2,4],f32>
    "func.return"(%2) : (!torch.vtensor<[2,4],f32>) -> ()
  }) {torch.onnx_meta.ir_version = 10 : si64, torch.onnx_meta.opset_version = 21 : si64, torch.onnx_meta.opset_versions = {com.microsoft = 1 : si64, own = 1 : si64}, torch.onnx_meta.producer_name = "", torch.onnx_meta.producer_version = ""} : () -> ()
}) : () -> ()

