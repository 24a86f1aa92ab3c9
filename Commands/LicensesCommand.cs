using System.CommandLine;
using System.IO.Compression;
using AiChat.Data;

namespace AiChat.Commands;

/// <summary>Prints the licences of everything in this file, as the page shows them under /licenses.txt.</summary>
internal static class LicensesCommand
{
    public static Command Create()
    {
        var command = new Command("licenses", "Print the licences of what this file is made of.");
        command.SetAction(_ => Run());
        return command;
    }

    private static int Run()
    {
        using var packed = typeof(LicensesCommand).Assembly.GetManifestResourceStream("wwwroot/licenses.txt.br")
            ?? throw new StartupException(StartupException.Software, "This build was made without the page’s licences.");
        using var text = new StreamReader(new BrotliStream(packed, CompressionMode.Decompress));
        Terminal.Say(text.ReadToEnd().TrimEnd());
        return ExitCodes.Done;
    }
}
