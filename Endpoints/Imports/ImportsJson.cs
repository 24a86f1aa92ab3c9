using System.Text.Json.Serialization;
using AiChat.Endpoints.Http;

namespace AiChat.Endpoints.Imports;

/// <summary>The types of this room that cross the wire or are kept with an import. Use <see cref="Wire"/>, which is strict.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(ImportList))]
[JsonSerializable(typeof(ImportResponse))]
[JsonSerializable(typeof(StoredReport))]
[JsonSerializable(typeof(StoredOptions))]
internal sealed partial class ImportsJson : JsonSerializerContext
{
    /// <summary>The context with the options of <see cref="JsonDefaults"/>.</summary>
    public static ImportsJson Wire { get; } = new(JsonDefaults.Create());
}
