namespace AiChat.Endpoints.Imports;

/// <summary>An archive cannot be taken as a whole. The message is for the person, who sees it; the page translates by the code.</summary>
internal sealed class ImportRefusedException(string code, string message) : Exception(message)
{
    public string Code { get; } = code;
}
