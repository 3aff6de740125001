"builtin.module"() ({
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.0.0.weight"> : tensor<64x1x3x3xf32>, sym_name = "down.0.0.weight", sym_visibility = "private", type = tensor<64x1x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.0.2.weight"> : tensor<64x64x3x3xf32>, sym_name = "down.0.2.weight", sym_visibility = "private", type = tensor<64x64x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.1.0.weight"> : tensor<128x64x3x3xf32>, sym_name = "down.1.0.weight", sym_visibility = "private", type = tensor<128x64x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.1.0.bias"> : tensor<128xf32>, sym_name = "down.1.0.bias", sym_visibility = "private", type = tensor<128xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.1.2.weight"> : tensor<128x128x3x3xf32>, sym_name = "down.1.2.weight", sym_visibility = "private", type = tensor<128x128x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.1.2.bias"> : tensor<128xf32>, sym_name = "down.1.2.bias", sym_visibility = "private", type = tensor<128xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.2.0.weight"> : tensor<256x128x3x3xf32>, sym_name = "down.2.0.weight", sym_visibility = "private", type = tensor<256x128x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.2.0.bias"> : tensor<256xf32>, sym_name = "down.2.0.bias", sym_visibility = "private", type = tensor<256xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.2.2.weight"> : tensor<256x256x3x3xf32>, sym_name = "down.2.2.weight", sym_visibility = "private", type = tensor<256x256x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.2.2.bias"> : tensor<256xf32>, sym_name = "down.2.2.bias", sym_visibility = "private", type = tensor<256xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.3.0.weight"> : tensor<512x256x3x3xf32>, sym_name = "down.3.0.weight", sym_visibility = "private", type = tensor<512x256x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.3.0.bias"> : tensor<512xf32>, sym_name = "down.3.0.bias", sym_visibility = "private", type = tensor<512xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.3.2.weight"> : tensor<512x512x3x3xf32>, sym_name = "down.3.2.weight", sym_visibility = "private", type = tensor<512x512x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.3.2.bias"> : tensor<512xf32>, sym_name = "down.3.2.bias", sym_visibility = "private", type = tensor<512xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.4.0.weight"> : tensor<1024x512x3x3xf32>, sym_name = "down.4.0.weight", sym_visibility = "private", type = tensor<1024x512x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.4.0.bias"> : tensor<1024xf32>, sym_name = "down.4.0.bias", sym_visibility = "private", type = tensor<1024xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.4.2.weight"> : tensor<1024x1024x3x3xf32>, sym_name = "down.4.2.weight", sym_visibility = "private", type = tensor<1024x1024x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"down.4.2.bias"> : tensor<1024xf32>, sym_name = "down.4.2.bias", sym_visibility = "private", type = tensor<1024xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"up.0.weight"> : tensor<1024x512x2x2xf32>, sym_name = "up.0.weight", sym_visibility = "private", type = tensor<1024x512x2x2xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"up.0.bias"> : tensor<512xf32>, sym_name = "up.0.bias", sym_visibility = "private", type = tensor<512xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"up.1.weight"> : tensor<512x256x2x2xf32>, sym_name = "up.1.weight", sym_visibility = "private", type = tensor<512x256x2x2xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"up.1.bias"> : tensor<256xf32>, sym_name = "up.1.bias", sym_visibility = "private", type = tensor<256xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"up.2.weight"> : tensor<256x128x2x2xf32>, sym_name = "up.2.weight", sym_visibility = "private", type = tensor<256x128x2x2xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"up.2.bias"> : tensor<128xf32>, sym_name = "up.2.bias", sym_visibility = "private", type = tensor<128xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"up.3.weight"> : tensor<128x64x2x2xf32>, sym_name = "up.3.weight", sym_visibility = "private", type = tensor<128x64x2x2xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"merge.0.0.weight"> : tensor<512x1024x3x3xf32>, sym_name = "merge.0.0.weight", sym_visibility = "private", type = tensor<512x1024x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"merge.0.0.bias"> : tensor<512xf32>, sym_name = "merge.0.0.bias", sym_visibility = "private", type = tensor<512xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"merge.0.2.weight"> : tensor<512x512x3x3xf32>, sym_name = "merge.0.2.weight", sym_visibility = "private", type = tensor<512x512x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"merge.0.2.bias"> : tensor<512xf32>, sym_name = "merge.0.2.bias", sym_visibility = "private", type = tensor<512xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"merge.1.0.weight"> : tensor<256x512x3x3xf32>, sym_name = "merge.1.0.weight", sym_visibility = "private", type = tensor<256x512x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"merge.1.0.bias"> : tensor<256xf32>, sym_name = "merge.1.0.bias", sym_visibility = "private", type = tensor<256xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"merge.1.2.weight"> : tensor<256x256x3x3xf32>, sym_name = "merge.1.2.weight", sym_visibility = "private", type = tensor<256x256x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"merge.1.2.bias"> : tensor<256xf32>, sym_name = "merge.1.2.bias", sym_visibility = "private", type = tensor<256xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"merge.2.0.weight"> : tensor<128x256x3x3xf32>, sym_name = "merge.2.0.weight", sym_visibility = "private", type = tensor<128x256x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"merge.2.0.bias"> : tensor<128xf32>, sym_name = "merge.2.0.bias", sym_visibility = "private", type = tensor<128xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"merge.2.2.weight"> : tensor<128x128x3x3xf32>, sym_name = "merge.2.2.weight", sym_visibility = "private", type = tensor<128x128x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"merge.2.2.bias"> : tensor<128xf32>, sym_name = "merge.2.2.bias", sym_visibility = "private", type = tensor<128xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"merge.3.0.weight"> : tensor<64x128x3x3xf32>, sym_name = "merge.3.0.weight", sym_visibility = "private", type = tensor<64x128x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"merge.3.2.weight"> : tensor<64x64x3x3xf32>, sym_name = "merge.3.2.weight", sym_visibility = "private", type = tensor<64x64x3x3xf32>}> : () -> ()
  "util.global"() <{initial_value = #stream.parameter.named<"model"::"head.weight"> : tensor<2x64x1x1xf32>, sym_name = "head.weight", sym_visibility = "private", type = tensor<2x64x1x1xf32>}> : () -> ()
  "func.func"() <{function_type = (!torch.vtensor<[1,1,572,572],f32>) -> !torch.vtensor<[1,2,388,388],f32>, sym_name = "main_graph"}> ({
  ^bb0(%arg0: !torch.vtensor<[1,1,572,572],f32>):
    %0 = "util.global.load"() <{global = @down.0.0.weight}> : () -> tensor<64x1x3x3xf32>
    %1 = "torch_c.from_builtin_tensor"(%0) : (tensor<64x1x3x3xf32>) -> !torch.vtensor<[64,1,3,3],f32>
    %2 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_down.0.0.bias> : tensor<64xf32>} : () -> !torch.vtensor<[64],f32>
    %3 = "util.global.load"() <{global = @down.0.2.weight}> : () -> tensor<64x64x3x3xf32>
    %4 = "torch_c.from_builtin_tensor"(%3) : (tensor<64x64x3x3xf32>) -> !torch.vtensor<[64,64,3,3],f32>
    %5 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_down.0.2.bias> : tensor<64xf32>} : () -> !torch.vtensor<[64],f32>
    %6 = "util.global.load"() <{global = @down.1.0.weight}> : () -> tensor<128x64x3x3xf32>
    %7 = "torch_c.from_builtin_tensor"(%6) : (tensor<128x64x3x3xf32>) -> !torch.vtensor<[128,64,3,3],f32>
    %8 = "util.global.load"() <{global = @down.1.0.bias}> : () -> tensor<128xf32>
    %9 = "torch_c.from_builtin_tensor"(%8) : (tensor<128xf32>) -> !torch.vtensor<[128],f32>
    %10 = "util.global.load"() <{global = @down.1.2.weight}> : () -> tensor<128x128x3x3xf32>
    %11 = "torch_c.from_builtin_tensor"(%10) : (tensor<128x128x3x3xf32>) -> !torch.vtensor<[128,128,3,3],f32>
    %12 = "util.global.load"() <{global = @down.1.2.bias}> : () -> tensor<128xf32>
    %13 = "torch_c.from_builtin_tensor"(%12) : (tensor<128xf32>) -> !torch.vtensor<[128],f32>
    %14 = "util.global.load"() <{global = @down.2.0.weight}> : () -> tensor<256x128x3x3xf32>
    %15 = "torch_c.from_builtin_tensor"(%14) : (tensor<256x128x3x3xf32>) -> !torch.vtensor<[256,128,3,3],f32>
    %16 = "util.global.load"() <{global = @down.2.0.bias}> : () -> tensor<256xf32>
    %17 = "torch_c.from_builtin_tensor"(%16) : (tensor<256xf32>) -> !torch.vtensor<[256],f32>
    %18 = "util.global.load"() <{global = @down.2.2.weight}> : () -> tensor<256x256x3x3xf32>
    %19 = "torch_c.from_builtin_tensor"(%18) : (tensor<256x256x3x3xf32>) -> !torch.vtensor<[256,256,3,3],f32>
    %20 = "util.global.load"() <{global = @down.2.2.bias}> : () -> tensor<256xf32>
    %21 = "torch_c.from_builtin_tensor"(%20) : (tensor<256xf32>) -> !torch.vtensor<[256],f32>
    %22 = "util.global.load"() <{global = @down.3.0.weight}> : () -> tensor<512x256x3x3xf32>
    %23 = "torch_c.from_builtin_tensor"(%22) : (tensor<512x256x3x3xf32>) -> !torch.vtensor<[512,256,3,3],f32>
    %24 = "util.global.load"() <{global = @down.3.0.bias}> : () -> tensor<512xf32>
    %25 = "torch_c.from_builtin_tensor"(%24) : (tensor<512xf32>) -> !torch.vtensor<[512],f32>
    %26 = "util.global.load"() <{global = @down.3.2.weight}> : () -> tensor<512x512x3x3xf32>
    %27 = "torch_c.from_builtin_tensor"(%26) : (tensor<512x512x3x3xf32>) -> !torch.vtensor<[512,512,3,3],f32>
    %28 = "util.global.load"() <{global = @down.3.2.bias}> : () -> tensor<512xf32>
    %29 = "torch_c.from_builtin_tensor"(%28) : (tensor<512xf32>) -> !torch.vtensor<[512],f32>
    %30 = "util.global.load"() <{global = @down.4.0.weight}> : () -> tensor<1024x512x3x3xf32>
    %31 = "torch_c.from_builtin_tensor"(%30) : (tensor<1024x512x3x3xf32>) -> !torch.vtensor<[1024,512,3,3],f32>
    %32 = "util.global.load"() <{global = @down.4.0.bias}> : () -> tensor<1024xf32>
    %33 = "torch_c.from_builtin_tensor"(%32) : (tensor<1024xf32>) -> !torch.vtensor<[1024],f32>
    %34 = "util.global.load"() <{global = @down.4.2.weight}> : () -> tensor<1024x1024x3x3xf32>
    %35 = "torch_c.from_builtin_tensor"(%34) : (tensor<1024x1024x3x3xf32>) -> !torch.vtensor<[1024,1024,3,3],f32>
    %36 = "util.global.load"() <{global = @down.4.2.bias}> : () -> tensor<1024xf32>
    %37 = "torch_c.from_builtin_tensor"(%36) : (tensor<1024xf32>) -> !torch.vtensor<[1024],f32>
    %38 = "util.global.load"() <{global = @up.0.weight}> : () -> tensor<1024x512x2x2xf32>
    %39 = "torch_c.from_builtin_tensor"(%38) : (tensor<1024x512x2x2xf32>) -> !torch.vtensor<[1024,512,2,2],f32>
    %40 = "util.global.load"() <{global = @up.0.bias}> : () -> tensor<512xf32>
    %41 = "torch_c.from_builtin_tensor"(%40) : (tensor<512xf32>) -> !torch.vtensor<[512],f32>
    %42 = "util.global.load"() <{global = @up.1.weight}> : () -> tensor<512x256x2x2xf32>
    %43 = "torch_c.from_builtin_tensor"(%42) : (tensor<512x256x2x2xf32>) -> !torch.vtensor<[512,256,2,2],f32>
    %44 = "util.global.load"() <{global = @up.1.bias}> : () -> tensor<256xf32>
    %45 = "torch_c.from_builtin_tensor"(%44) : (tensor<256xf32>) -> !torch.vtensor<[256],f32>
    %46 = "util.global.load"() <{global = @up.2.weight}> : () -> tensor<256x128x2x2xf32>
    %47 = "torch_c.from_builtin_tensor"(%46) : (tensor<256x128x2x2xf32>) -> !torch.vtensor<[256,128,2,2],f32>
    %48 = "util.global.load"() <{global = @up.2.bias}> : () -> tensor<128xf32>
    %49 = "torch_c.from_builtin_tensor"(%48) : (tensor<128xf32>) -> !torch.vtensor<[128],f32>
    %50 = "util.global.load"() <{global = @up.3.weight}> : () -> tensor<128x64x2x2xf32>
    %51 = "torch_c.from_builtin_tensor"(%50) : (tensor<128x64x2x2xf32>) -> !torch.vtensor<[128,64,2,2],f32>
    %52 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_up.3.bias> : tensor<64xf32>} : () -> !torch.vtensor<[64],f32>
    %53 = "util.global.load"() <{global = @merge.0.0.weight}> : () -> tensor<512x1024x3x3xf32>
    %54 = "torch_c.from_builtin_tensor"(%53) : (tensor<512x1024x3x3xf32>) -> !torch.vtensor<[512,1024,3,3],f32>
    %55 = "util.global.load"() <{global = @merge.0.0.bias}> : () -> tensor<512xf32>
    %56 = "torch_c.from_builtin_tensor"(%55) : (tensor<512xf32>) -> !torch.vtensor<[512],f32>
    %57 = "util.global.load"() <{global = @merge.0.2.weight}> : () -> tensor<512x512x3x3xf32>
    %58 = "torch_c.from_builtin_tensor"(%57) : (tensor<512x512x3x3xf32>) -> !torch.vtensor<[512,512,3,3],f32>
    %59 = "util.global.load"() <{global = @merge.0.2.bias}> : () -> tensor<512xf32>
    %60 = "torch_c.from_builtin_tensor"(%59) : (tensor<512xf32>) -> !torch.vtensor<[512],f32>
    %61 = "util.global.load"() <{global = @merge.1.0.weight}> : () -> tensor<256x512x3x3xf32>
    %62 = "torch_c.from_builtin_tensor"(%61) : (tensor<256x512x3x3xf32>) -> !torch.vtensor<[256,512,3,3],f32>
    %63 = "util.global.load"() <{global = @merge.1.0.bias}> : () -> tensor<256xf32>
    %64 = "torch_c.from_builtin_tensor"(%63) : (tensor<256xf32>) -> !torch.vtensor<[256],f32>
    %65 = "util.global.load"() <{global = @merge.1.2.weight}> : () -> tensor<256x256x3x3xf32>
    %66 = "torch_c.from_builtin_tensor"(%65) : (tensor<256x256x3x3xf32>) -> !torch.vtensor<[256,256,3,3],f32>
    %67 = "util.global.load"() <{global = @merge.1.2.bias}> : () -> tensor<256xf32>
    %68 = "torch_c.from_builtin_tensor"(%67) : (tensor<256xf32>) -> !torch.vtensor<[256],f32>
    %69 = "util.global.load"() <{global = @merge.2.0.weight}> : () -> tensor<128x256x3x3xf32>
    %70 = "torch_c.from_builtin_tensor"(%69) : (tensor<128x256x3x3xf32>) -> !torch.vtensor<[128,256,3,3],f32>
    %71 = "util.global.load"() <{global = @merge.2.0.bias}> : () -> tensor<128xf32>
    %72 = "torch_c.from_builtin_tensor"(%71) : (tensor<128xf32>) -> !torch.vtensor<[128],f32>
    %73 = "util.global.load"() <{global = @merge.2.2.weight}> : () -> tensor<128x128x3x3xf32>
    %74 = "torch_c.from_builtin_tensor"(%73) : (tensor<128x128x3x3xf32>) -> !torch.vtensor<[128,128,3,3],f32>
    %75 = "util.global.load"() <{global = @merge.2.2.bias}> : () -> tensor<128xf32>
    %76 = "torch_c.from_builtin_tensor"(%75) : (tensor<128xf32>) -> !torch.vtensor<[128],f32>
    %77 = "util.global.load"() <{global = @merge.3.0.weight}> : () -> tensor<64x128x3x3xf32>
    %78 = "torch_c.from_builtin_tensor"(%77) : (tensor<64x128x3x3xf32>) -> !torch.vtensor<[64,128,3,3],f32>
    %79 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_merge.3.0.bias> : tensor<64xf32>} : () -> !torch.vtensor<[64],f32>
    %80 = "util.global.load"() <{global = @merge.3.2.weight}> : () -> tensor<64x64x3x3xf32>
    %81 = "torch_c.from_builtin_tensor"(%80) : (tensor<64x64x3x3xf32>) -> !torch.vtensor<[64,64,3,3],f32>
    %82 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_merge.3.2.bias> : tensor<64xf32>} : () -> !torch.vtensor<[64],f32>
    %83 = "util.global.load"() <{global = @head.weight}> : () -> tensor<2x64x1x1xf32>
    %84 = "torch_c.from_builtin_tensor"(%83) : (tensor<2x64x1x1xf32>) -> !torch.vtensor<[2,64,1,1],f32>
    %85 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<_head.bias> : tensor<2xf32>} : () -> !torch.vtensor<[2],f32>
    %86 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_7> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %87 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_11> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %88 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_15> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %89 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_26> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %90 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_31> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %91 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_35> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %92 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_53> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %93 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_57> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %94 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_75> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %95 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_79> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %96 = "torch.operator"() <{name = "onnx.Constant"}> {torch.onnx.value = dense_resource<val_16> : tensor<1xsi64>} : () -> !torch.vtensor<[1],si64>
    %97 = "torch.constant.none"() : () -> !torch.none
    %98 = "torch.operator"(%arg0, %1, %2) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,1,572,572],f32>, !torch.vtensor<[64,1,3,3],f32>, !torch.vtensor<[64],f32>) -> !torch.vtensor<[1,64,570,570],f32>
    %99 = "torch.operator"(%98) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,64,570,570],f32>) -> !torch.vtensor<[1,64,570,570],f32>
    %100 = "torch.operator"(%99, %4, %5) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,64,570,570],f32>, !torch.vtensor<[64,64,3,3],f32>, !torch.vtensor<[64],f32>) -> !torch.vtensor<[1,64,568,568],f32>
    %101 = "torch.operator"(%100) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,64,568,568],f32>) -> !torch.vtensor<[1,64,568,568],f32>
    %102 = "torch.operator"(%101) <{name = "onnx.MaxPool"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.ceil_mode = 0 : si64, torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.kernel_shape = [2 : si64, 2 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.storage_order = 0 : si64, torch.onnx.strides = [2 : si64, 2 : si64]} : (!torch.vtensor<[1,64,568,568],f32>) -> !torch.vtensor<[1,64,284,284],f32>
    %103 = "torch.operator"(%102, %7, %9) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,64,284,284],f32>, !torch.vtensor<[128,64,3,3],f32>, !torch.vtensor<[128],f32>) -> !torch.vtensor<[1,128,282,282],f32>
    %104 = "torch.operator"(%103) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,128,282,282],f32>) -> !torch.vtensor<[1,128,282,282],f32>
    %105 = "torch.operator"(%104, %11, %13) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,128,282,282],f32>, !torch.vtensor<[128,128,3,3],f32>, !torch.vtensor<[128],f32>) -> !torch.vtensor<[1,128,280,280],f32>
    %106 = "torch.operator"(%105) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,128,280,280],f32>) -> !torch.vtensor<[1,128,280,280],f32>
    %107 = "torch.operator"(%106) <{name = "onnx.MaxPool"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.ceil_mode = 0 : si64, torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.kernel_shape = [2 : si64, 2 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.storage_order = 0 : si64, torch.onnx.strides = [2 : si64, 2 : si64]} : (!torch.vtensor<[1,128,280,280],f32>) -> !torch.vtensor<[1,128,140,140],f32>
    %108 = "torch.operator"(%107, %15, %17) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,128,140,140],f32>, !torch.vtensor<[256,128,3,3],f32>, !torch.vtensor<[256],f32>) -> !torch.vtensor<[1,256,138,138],f32>
    %109 = "torch.operator"(%108) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,256,138,138],f32>) -> !torch.vtensor<[1,256,138,138],f32>
    %110 = "torch.operator"(%109, %19, %21) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,256,138,138],f32>, !torch.vtensor<[256,256,3,3],f32>, !torch.vtensor<[256],f32>) -> !torch.vtensor<[1,256,136,136],f32>
    %111 = "torch.operator"(%110) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,256,136,136],f32>) -> !torch.vtensor<[1,256,136,136],f32>
    %112 = "torch.operator"(%111) <{name = "onnx.MaxPool"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.ceil_mode = 0 : si64, torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.kernel_shape = [2 : si64, 2 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.storage_order = 0 : si64, torch.onnx.strides = [2 : si64, 2 : si64]} : (!torch.vtensor<[1,256,136,136],f32>) -> !torch.vtensor<[1,256,68,68],f32>
    %113 = "torch.operator"(%112, %23, %25) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,256,68,68],f32>, !torch.vtensor<[512,256,3,3],f32>, !torch.vtensor<[512],f32>) -> !torch.vtensor<[1,512,66,66],f32>
    %114 = "torch.operator"(%113) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,512,66,66],f32>) -> !torch.vtensor<[1,512,66,66],f32>
    %115 = "torch.operator"(%114, %27, %29) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,512,66,66],f32>, !torch.vtensor<[512,512,3,3],f32>, !torch.vtensor<[512],f32>) -> !torch.vtensor<[1,512,64,64],f32>
    %116 = "torch.operator"(%115) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,512,64,64],f32>) -> !torch.vtensor<[1,512,64,64],f32>
    %117 = "torch.operator"(%116) <{name = "onnx.MaxPool"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.ceil_mode = 0 : si64, torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.kernel_shape = [2 : si64, 2 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.storage_order = 0 : si64, torch.onnx.strides = [2 : si64, 2 : si64]} : (!torch.vtensor<[1,512,64,64],f32>) -> !torch.vtensor<[1,512,32,32],f32>
    %118 = "torch.operator"(%117, %31, %33) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,512,32,32],f32>, !torch.vtensor<[1024,512,3,3],f32>, !torch.vtensor<[1024],f32>) -> !torch.vtensor<[1,1024,30,30],f32>
    %119 = "torch.operator"(%118) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,1024,30,30],f32>) -> !torch.vtensor<[1,1024,30,30],f32>
    %120 = "torch.operator"(%119, %35, %37) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,1024,30,30],f32>, !torch.vtensor<[1024,1024,3,3],f32>, !torch.vtensor<[1024],f32>) -> !torch.vtensor<[1,1024,28,28],f32>
    %121 = "torch.operator"(%120) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,1024,28,28],f32>) -> !torch.vtensor<[1,1024,28,28],f32>
    %122 = "torch.operator"(%121, %39, %41) <{name = "onnx.ConvTranspose"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [2 : si64, 2 : si64], torch.onnx.output_padding = [0 : si64, 0 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [2 : si64, 2 : si64]} : (!torch.vtensor<[1,1024,28,28],f32>, !torch.vtensor<[1024,512,2,2],f32>, !torch.vtensor<[512],f32>) -> !torch.vtensor<[1,512,56,56],f32>
    %123 = "torch.operator"(%116, %86, %87, %88, %96) <{name = "onnx.Slice"}> : (!torch.vtensor<[1,512,64,64],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[1,512,56,64],f32>
    %124 = "torch.operator"(%123, %86, %87, %89, %96) <{name = "onnx.Slice"}> : (!torch.vtensor<[1,512,56,64],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[1,512,56,56],f32>
    %125 = "torch.operator"(%124, %122) <{name = "onnx.Concat"}> {torch.onnx.axis = 1 : si64} : (!torch.vtensor<[1,512,56,56],f32>, !torch.vtensor<[1,512,56,56],f32>) -> !torch.vtensor<[1,1024,56,56],f32>
    %126 = "torch.operator"(%125, %54, %56) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,1024,56,56],f32>, !torch.vtensor<[512,1024,3,3],f32>, !torch.vtensor<[512],f32>) -> !torch.vtensor<[1,512,54,54],f32>
    %127 = "torch.operator"(%126) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,512,54,54],f32>) -> !torch.vtensor<[1,512,54,54],f32>
    %128 = "torch.operator"(%127, %58, %60) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,512,54,54],f32>, !torch.vtensor<[512,512,3,3],f32>, !torch.vtensor<[512],f32>) -> !torch.vtensor<[1,512,52,52],f32>
    %129 = "torch.operator"(%128) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,512,52,52],f32>) -> !torch.vtensor<[1,512,52,52],f32>
    %130 = "torch.operator"(%129, %43, %45) <{name = "onnx.ConvTranspose"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [2 : si64, 2 : si64], torch.onnx.output_padding = [0 : si64, 0 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [2 : si64, 2 : si64]} : (!torch.vtensor<[1,512,52,52],f32>, !torch.vtensor<[512,256,2,2],f32>, !torch.vtensor<[256],f32>) -> !torch.vtensor<[1,256,104,104],f32>
    %131 = "torch.operator"(%111, %90, %91, %88, %96) <{name = "onnx.Slice"}> : (!torch.vtensor<[1,256,136,136],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[1,256,104,136],f32>
    %132 = "torch.operator"(%131, %90, %91, %89, %96) <{name = "onnx.Slice"}> : (!torch.vtensor<[1,256,104,136],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[1,256,104,104],f32>
    %133 = "torch.operator"(%132, %130) <{name = "onnx.Concat"}> {torch.onnx.axis = 1 : si64} : (!torch.vtensor<[1,256,104,104],f32>, !torch.vtensor<[1,256,104,104],f32>) -> !torch.vtensor<[1,512,104,104],f32>
    %134 = "torch.operator"(%133, %62, %64) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,512,104,104],f32>, !torch.vtensor<[256,512,3,3],f32>, !torch.vtensor<[256],f32>) -> !torch.vtensor<[1,256,102,102],f32>
    %135 = "torch.operator"(%134) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,256,102,102],f32>) -> !torch.vtensor<[1,256,102,102],f32>
    %136 = "torch.operator"(%135, %66, %68) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,256,102,102],f32>, !torch.vtensor<[256,256,3,3],f32>, !torch.vtensor<[256],f32>) -> !torch.vtensor<[1,256,100,100],f32>
    %137 = "torch.operator"(%136) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,256,100,100],f32>) -> !torch.vtensor<[1,256,100,100],f32>
    %138 = "torch.operator"(%137, %47, %49) <{name = "onnx.ConvTranspose"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [2 : si64, 2 : si64], torch.onnx.output_padding = [0 : si64, 0 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [2 : si64, 2 : si64]} : (!torch.vtensor<[1,256,100,100],f32>, !torch.vtensor<[256,128,2,2],f32>, !torch.vtensor<[128],f32>) -> !torch.vtensor<[1,128,200,200],f32>
    %139 = "torch.operator"(%106, %92, %93, %88, %96) <{name = "onnx.Slice"}> : (!torch.vtensor<[1,128,280,280],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[1,128,200,280],f32>
    %140 = "torch.operator"(%139, %92, %93, %89, %96) <{name = "onnx.Slice"}> : (!torch.vtensor<[1,128,200,280],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[1,128,200,200],f32>
    %141 = "torch.operator"(%140, %138) <{name = "onnx.Concat"}> {torch.onnx.axis = 1 : si64} : (!torch.vtensor<[1,128,200,200],f32>, !torch.vtensor<[1,128,200,200],f32>) -> !torch.vtensor<[1,256,200,200],f32>
    %142 = "torch.operator"(%141, %70, %72) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,256,200,200],f32>, !torch.vtensor<[128,256,3,3],f32>, !torch.vtensor<[128],f32>) -> !torch.vtensor<[1,128,198,198],f32>
    %143 = "torch.operator"(%142) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,128,198,198],f32>) -> !torch.vtensor<[1,128,198,198],f32>
    %144 = "torch.operator"(%143, %74, %76) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,128,198,198],f32>, !torch.vtensor<[128,128,3,3],f32>, !torch.vtensor<[128],f32>) -> !torch.vtensor<[1,128,196,196],f32>
    %145 = "torch.operator"(%144) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,128,196,196],f32>) -> !torch.vtensor<[1,128,196,196],f32>
    %146 = "torch.operator"(%145, %51, %52) <{name = "onnx.ConvTranspose"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [2 : si64, 2 : si64], torch.onnx.output_padding = [0 : si64, 0 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [2 : si64, 2 : si64]} : (!torch.vtensor<[1,128,196,196],f32>, !torch.vtensor<[128,64,2,2],f32>, !torch.vtensor<[64],f32>) -> !torch.vtensor<[1,64,392,392],f32>
    %147 = "torch.operator"(%101, %94, %95, %88, %96) <{name = "onnx.Slice"}> : (!torch.vtensor<[1,64,568,568],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[1,64,392,568],f32>
    %148 = "torch.operator"(%147, %94, %95, %89, %96) <{name = "onnx.Slice"}> : (!torch.vtensor<[1,64,392,568],f32>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>, !torch.vtensor<[1],si64>) -> !torch.vtensor<[1,64,392,392],f32>
    %149 = "torch.operator"(%148, %146) <{name = "onnx.Concat"}> {torch.onnx.axis = 1 : si64} : (!torch.vtensor<[1,64,392,392],f32>, !torch.vtensor<[1,64,392,392],f32>) -> !torch.vtensor<[1,128,392,392],f32>
    %150 = "torch.operator"(%149, %78, %79) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,128,392,392],f32>, !torch.vtensor<[64,128,3,3],f32>, !torch.vtensor<[64],f32>) -> !torch.vtensor<[1,64,390,390],f32>
    %151 = "torch.operator"(%150) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,64,390,390],f32>) -> !torch.vtensor<[1,64,390,390],f32>
    %152 = "torch.operator"(%151, %81, %82) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [3 : si64, 3 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,64,390,390],f32>, !torch.vtensor<[64,64,3,3],f32>, !torch.vtensor<[64],f32>) -> !torch.vtensor<[1,64,388,388],f32>
    %153 = "torch.operator"(%152) <{name = "onnx.Relu"}> : (!torch.vtensor<[1,64,388,388],f32>) -> !torch.vtensor<[1,64,388,388],f32>
    %154 = "torch.operator"(%153, %84, %85) <{name = "onnx.Conv"}> {torch.onnx.auto_pad = "NOTSET", torch.onnx.dilations = [1 : si64, 1 : si64], torch.onnx.group = 1 : si64, torch.onnx.kernel_shape = [1 : si64, 1 : si64], torch.onnx.pads = [0 : si64, 0 : si64, 0 : si64, 0 : si64], torch.onnx.strides = [1 : si64, 1 : si64]} : (!torch.vtensor<[1,64,388,388],f32>, !torch.vtensor<[2,64,1,1],f32>, !torch.vtensor<[2],f32>) -> !torch.vtensor<[1,2,388,388],f32>
    "func.return"(%154) : (!torch.vtensor<[1,2,388,388],f32>) -> ()
  }) {torch.onnx_meta.ir_version = 10 : si64, torch.onnx_meta.opset_version = 18 : si64, torch.onnx_meta.producer_name = "pytorch", torch.onnx_meta.producer_version = "2.13.0+cpu"} : () -> ()
}) : () -> ()

{-#
  dialect_resources: {
    builtin: {
      _down.0.0.bias: "0x08000000D01DE5BD6A459EBE18EC0B3E9E23A63E0058C2BDE7508DBE0BCE9ABE6B13AB3DEBC3CEBC765E2CBE1BFD893DD69F013E04BC873EA880843E405E4CBDFF7C96BEE6379ABE86599F3E60E3163E2BCA143E16AA93BE3F0A9E3E0EAEA13E92169A3ECBF88FBE06CB00BEB8C16ABE8F9DA13E03AA12BE58D61BBE36D4323EF0E51DBE3E1D28BE00DBEEBC363C03BD17F284BE84478E3ECE9116BEEB26F23D6E71943ED8232C3EC04D413D8336913E6089373D8EEB1DBE5A73A13EEB92A13D2684A6BE7659C2BD538168BEECA1953EAB7A61BD22919BBEABA8ABBC9B5C563E6B5BB13DBBDCD73D169BFD3CCB82FE3D4655A6BD50C807BE0A869FBECB9180BE4BEF133E",
      _down.0.2.bias: "0x0800000093D0A33CB8CBF63CFFC51EBDABCE38BAFCED0EBDBB4CEA3CDB412EBC76922A3CCEF6B63CC837B2BC162FD93C4084BCBC08CB173D267D75BC4B16D2BBC7F10D3DB68E9DBC26AB59BC9BF3A13CB8A7ACBCDA4C053DD686833C1BDE043C80BA9B3B52F608BD2B00F3BB96CA333CEB3188BCA30997BC96CE3FBBB646F9BC4693893C640F0DBDF079E8BCABD59C3BCB65ACBBA035D3BCCED48C3C8B1314BD40FDD93C3EBE133D9839003D32350A3D8025A7BBF880933CBC6216BDC87EAC3CD806E6BC601AB3BC4B340EBD004C7F393F99143D403E25BB16FE053C569EDABB6091CE3B8878213D00D8FFB95B925D3C9612A33B9B9245BC2E57DFBC1615363B2B5CA23B",
      _up.3.bias: "0x08000000CABC2F3D60D1663CF8F8BE3CC4E155BDCCA6E93C94EB0EBD4004323CF8C92ABDE891F5BCF0A17C3C201439BC6012A73C52655D3DF04950BCA4A5B0BCA0A89FBBF020403DBC9E213D384F583C4857B2BC007DBCBCA079F63C86E5223DEC9A2ABD10A1673D20C62C3B089EF0BC2C8ADEBC34D7043DE2E535BDFC1566BD3060233D38201F3D5861443DB0813BBCBEB333BDA2BB16BD444719BD303F42BCD8B4773CC4F8A13C0856A9BC50F2D63B30A47CBC1C4C263D7CFB783DA87115BD6C86BD3C000F8039C2FE5B3D8C17E4BC3C7F0F3DE03DA8BB288B6DBD524638BDC8CA0E3C3240123DF0845ABC78F6E93C5012433CEA0D09BDD4D4163DA8BB04BDA8AD043D",
      _merge.3.0.bias: "0x080000007B0694BCC05095BBDA22B43B98B3CBBCA8E1A83C995FE9BCB0AD803B3192D03BD02D643C0979C3BC02181D3C911DA0BB42F491BCF113D83C05031FBB489C71BAE245503C2D663CBC400CD13C17058C3C3877493C22ED963C8958913C6234A63B7F61E1BBDD59C3BC323EE23CFC4D03BCCBACCBBC33BCD33CCE2BB23A206FF6BB996BD7BC25FB6F3CCC96453C71C13EBCC1FD8A3CB8AC24BC758E14BCD396BD3C7A5FBDBA6CF8E5BC7D5D5FBCDE2AEFBC0044D0BC6AC4E9BCDC9AD6BC98F545BC408BC7BC4613A9BB21A7053C59D700BB8303CC3C586A65BCF1E5CCBC9157ED3BED79A0BC84A52A3CFBDC553B019D9EBC9DF197BCCD2D883CDDB11E3CDEA1D4BC",
      _merge.3.2.bias: "0x08000000DB5D28BD96FCE5BB6B04ABBC862317BC706309BD20A29EBCAEAC9EBC0010A83BEBA4C23C0BA7EF3B48B9C13C78F51A3DBC060C3D56D2EFBC1BEB1BBDCA001ABD8E3EF13C0B34373C20EAA63C13EB953C536487BC6BA244BB5665ED3B468B53BCDC1B0BBD13E5F2BC36C0EA3C5A56093DD4ED023D965540BCAB4C1B3CDFD4143D6091E3BB40032A3C8038CE3C5B0E553CB81ECEBC8BFE953C605880BC409D5CBB0BFF86BB466CAB3CE656F6BC6B07C0BBCE83DFBC08F1C73C86964EBC802BFEBB048816BD93D0ABBC466E45BC00CC303C56E7D5BC961C7BBB038EF03C6B149D3BBE3DDBBC73A928BDF62941BCCB428E3CF330E83CAB542ABDA45124BD909D8ABC",
      _head.bias: "0x08000000E876AF3C00AB2FBD",
      val_7: "0x080000000400000000000000",
      val_11: "0x080000003C00000000000000",
      val_15: "0x080000000200000000000000",
      val_26: "0x080000000300000000000000",
      val_31: "0x080000001000000000000000",
      val_35: "0x080000007800000000000000",
      val_53: "0x080000002800000000000000",
      val_57: "0x08000000F000000000000000",
      val_75: "0x080000005800000000000000",
      val_79: "0x08000000E001000000000000",
      val_16: "0x080000000100000000000000"
    }
  }
#-}

